//! Levels of locks, and the order between them.

/// A place in the order of locks. Declared with [`lock_levels!`](crate::lock_levels), never by hand.
///
/// # Examples
/// ```
/// use unforget_sync::ranked::Level;
///
/// unforget_sync::lock_levels! { Turn; Contexts: after [Turn] }
///
/// assert!(Turn::DECLARATION.is_before(Contexts::DECLARATION));
/// assert!(Turn::DECLARATION.name().ends_with("Turn"), "{}", Turn::DECLARATION.name());
/// ```
pub trait Level: 'static {
    /// Where the level stands, for the check at run time.
    const DECLARATION: &'static Declaration;
}

/// Says that a lock of level `L` may be taken while one of this level is held.
#[diagnostic::on_unimplemented(
    message = "a lock of level `{L}` must not be taken while one of level `{Self}` is held",
    label = "`{L}` is not declared to come after `{Self}`",
    note = "take it before, or let go of the other first; `lock_levels!` declares which level comes after which"
)]
pub trait Before<L: Level>: 'static {}

/// Nothing is held: every level comes after it.
#[derive(Debug)]
pub enum Root {}

impl<L: Level> Before<L> for Root {}

/// A level's name and its neighbours. One per level, so its address identifies the level.
#[derive(Debug)]
pub struct Declaration {
    name: &'static str,
    line: u32,
    after: &'static [&'static Declaration],
    before: &'static [&'static Declaration],
}

impl Declaration {
    /// For [`lock_levels!`](crate::lock_levels).
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        line: u32,
        after: &'static [&'static Declaration],
        before: &'static [&'static Declaration],
    ) -> Self {
        Self { name, line, after, before }
    }

    /// The level's path, as the compiler knows it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Says whether a lock of `later` may be taken while one of this level is held.
    pub fn is_before(&'static self, later: &'static Self) -> bool {
        later.after.iter().any(|level| std::ptr::eq(*level, self))
            || self.before.iter().any(|level| std::ptr::eq(*level, later))
    }

    /// Fails the compilation if the level does not fit between its neighbours.
    ///
    /// Because every level fits, no cycle can be declared. Each step of a cycle is in the list of one of its two
    /// levels. If some level has both of its steps, the last assertion demands the step that leaves it out; if none
    /// has, all steps are in lists of one kind, and the assertion on that kind does. So every cycle has a
    /// shorter one, and a cycle of one is a level that names itself.
    #[doc(hidden)]
    pub const fn assert_fits(&self) {
        assert!(!self.is_in(self.after) && !self.is_in(self.before), "a lock level comes after itself");
        let mut index = 0;
        while index < self.after.len() {
            let earlier = self.after[index];
            assert!(
                all_in(earlier.after, self.after),
                "a lock level has to name what the levels that it comes after come after"
            );
            assert!(
                earlier.is_before_all(self.before),
                "a lock level comes between two levels that have no order or the opposite one"
            );
            index += 1;
        }
        let mut index = 0;
        while index < self.before.len() {
            assert!(
                all_in(self.before[index].before, self.before),
                "a lock level has to name what the levels that it comes before come before"
            );
            index += 1;
        }
    }

    const fn is_before_all(&self, later: &[&'static Self]) -> bool {
        let mut index = 0;
        while index < later.len() {
            if !self.is_in(later[index].after) && !later[index].is_in(self.before) {
                return false;
            }
            index += 1;
        }
        true
    }

    const fn is_in(&self, levels: &[&'static Self]) -> bool {
        let mut index = 0;
        while index < levels.len() {
            if self.is_same(levels[index]) {
                return true;
            }
            index += 1;
        }
        false
    }

    /// Addresses cannot be compared while compiling. Levels of one name are told apart by their lines.
    const fn is_same(&self, other: &Self) -> bool {
        let (mine, others) = (self.name.as_bytes(), other.name.as_bytes());
        if mine.len() != others.len() || self.line != other.line {
            return false;
        }
        // From the end, because levels of one module differ there, and compiling takes as long as comparing does.
        let mut index = mine.len();
        while index > 0 {
            index -= 1;
            if mine[index] != others[index] {
                return false;
            }
        }
        true
    }
}

const fn all_in(some: &[&'static Declaration], levels: &[&'static Declaration]) -> bool {
    let mut index = 0;
    while index < some.len() {
        if !some[index].is_in(levels) {
            return false;
        }
        index += 1;
    }
    true
}

/// Declares levels of locks and their order, each pair once.
///
/// A level names all levels after which its locks may be taken. Those have to include what these levels come after
/// in turn: the list is complete, and whoever reads it needs no other. A level is put *before* one of another
/// crate, such as a library's whose locks are taken while its caller holds one, by naming that, too. Levels that
/// are not named have no order, and no lock of the one is ever taken while one of the other is held.
///
/// An order that contradicts itself does not compile. Levels are types without values.
///
/// # Examples
/// ```
/// mod library {
///     unforget_sync::lock_levels! {
///         /// Keeps other processes out.
///         pub Turn;
///         /// Protects what is in memory.
///         pub Contexts: after [Turn];
///     }
/// }
/// unforget_sync::lock_levels! {
///     /// Is held while the library is called.
///     Repository: before [library::Turn, library::Contexts];
/// }
/// use unforget_sync::ranked::Level;
/// let (repository, turn) = (Repository::DECLARATION, library::Turn::DECLARATION);
/// assert!(repository.is_before(turn) && !turn.is_before(repository));
/// ```
///
/// # What does not compile
/// A list that leaves out an earlier level, where its twin is complete:
/// ```
/// unforget_sync::lock_levels! {
///     Repository;
///     Turn: after [Repository];
///     Contexts: after [Repository, Turn];
/// }
/// ```
/// ```compile_fail,E0080
/// unforget_sync::lock_levels! {
///     Repository;
///     Turn: after [Repository];
///     Contexts: after [Turn]; // and what Turn comes after?
/// }
/// ```
/// A list that leaves out a later level, where its twin is complete:
/// ```
/// unforget_sync::lock_levels! {
///     Index;
///     Contexts: before [Index];
///     Turn: before [Contexts, Index];
/// }
/// ```
/// ```compile_fail,E0080
/// unforget_sync::lock_levels! {
///     Index;
///     Contexts: before [Index];
///     Turn: before [Contexts]; // and what Contexts comes before?
/// }
/// ```
/// A circle, where the twin is a line:
/// ```
/// unforget_sync::lock_levels! {
///     Turn;
///     Contexts: after [Turn];
/// }
/// ```
/// ```compile_fail,E0391
/// unforget_sync::lock_levels! {
///     Turn: after [Contexts];
///     Contexts: after [Turn];
/// }
/// ```
/// One of a single level, whose twin comes after nothing:
/// ```
/// unforget_sync::lock_levels! { Turn; }
/// ```
/// ```compile_fail,E0391
/// unforget_sync::lock_levels! { Turn: after [Turn]; }
/// ```
/// A level between two that have no order:
/// ```
/// unforget_sync::lock_levels! {
///     Turn;
///     Contexts: after [Turn];
///     Index: after [Turn] before [Contexts];
/// }
/// ```
/// ```compile_fail,E0080
/// unforget_sync::lock_levels! {
///     Turn;
///     Contexts;
///     Index: after [Turn] before [Contexts];
/// }
/// ```
#[macro_export]
macro_rules! lock_levels {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis $level:ident
        $(: $(after [$($earlier:ty),+ $(,)?])? $(before [$($later:ty),+ $(,)?])?)?
    );+ $(;)?) => {$(
        $(#[$attribute])*
        #[derive(Debug)]
        $visibility enum $level {}

        impl $crate::ranked::Level for $level {
            const DECLARATION: &'static $crate::ranked::Declaration = {
                static DECLARATION: $crate::ranked::Declaration = $crate::ranked::Declaration::new(
                    ::core::concat!(::core::module_path!(), "::", ::core::stringify!($level)),
                    ::core::line!(),
                    &[$($($(<$earlier as $crate::ranked::Level>::DECLARATION),+)?)?],
                    &[$($($(<$later as $crate::ranked::Level>::DECLARATION),+)?)?],
                );
                &DECLARATION
            };
        }

        $($($(impl $crate::ranked::Before<$level> for $earlier {})+)?)?
        $($($(impl $crate::ranked::Before<$later> for $level {})+)?)?

        const _: () = <$level as $crate::ranked::Level>::DECLARATION.assert_fits();
    )+};
}
