//! One module per command.

pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod recall;
pub(crate) mod remember;
pub(crate) mod serve;
pub(crate) mod stats;
