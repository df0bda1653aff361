//! Keeps a closure inside the transaction that the engine opened for it.
//!
//! Two fences, both installed once per connection and switched by one flag:
//!
//! - The **authorizer** refuses, when SQLite compiles a statement, transaction control, ATTACH and settings.
//!   Installing it expires every prepared statement, which is why it is switched and not installed per closure.
//! - The **commit hook** refuses to commit while a closure runs. A statement that ends the transaction by itself
//!   (`INSERT OR ROLLBACK`, `RAISE(ROLLBACK)`, a full disk) leaves the connection in autocommit mode; without
//!   this fence the closure's next statement would be durable although the closure is about to be failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::Result;

/// PRAGMAs that look at what their value names.
const LOOKING_AT: [&str; 6] =
    ["foreign_key_check", "foreign_key_list", "index_info", "index_list", "table_info", "table_xinfo"];

/// PRAGMAs that look if they are given no value. FTS5 itself asks for `data_version` while it writes.
const LOOKING: [&str; 6] =
    ["data_version", "freelist_count", "page_count", "page_size", "schema_version", "user_version"];

/// The fences of one connection.
///
/// Relaxed order suffices: the flag is set, read and cleared by the thread that uses the connection; it is
/// atomic only because SQLite's callbacks have to be `Send`.
#[derive(Debug)]
pub(crate) struct Guard {
    closure_runs: Arc<AtomicBool>,
}

impl Guard {
    pub(crate) fn install(conn: &Connection) -> Result<Self> {
        let closure_runs = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&closure_runs);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            decide(seen.load(Ordering::Relaxed), &context)
        }))?;
        let seen = Arc::clone(&closure_runs);
        conn.commit_hook(Some(move || seen.load(Ordering::Relaxed)))?;
        Ok(Self { closure_runs })
    }

    /// Runs `closure` with the fences up, lowering them also when it panics.
    pub(crate) fn watch<T>(&self, closure: impl FnOnce() -> T) -> T {
        struct Lower<'a>(&'a AtomicBool);
        impl Drop for Lower<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Relaxed);
            }
        }
        self.closure_runs.store(true, Ordering::Relaxed);
        let _lower = Lower(&self.closure_runs);
        closure()
    }
}

fn decide(closure_runs: bool, context: &AuthContext<'_>) -> Authorization {
    let engine_only = match context.action {
        AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        // A temporary table would hide the real one from whoever uses the connection next.
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempIndex { .. } => true,
        AuthAction::Pragma { pragma_name, pragma_value } => !only_looks(pragma_name, pragma_value),
        _ => false,
    };
    if engine_only && closure_runs { Authorization::Deny } else { Authorization::Allow }
}

fn only_looks(name: &str, value: Option<&str>) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_one_of(&LOOKING_AT) || value.is_none() && is_one_of(&LOOKING)
}
