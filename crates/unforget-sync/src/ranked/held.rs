//! Which locks this thread holds, and the check at run time.

use std::cell::Cell;
use std::fmt::Write;
use std::marker::PhantomData;
use std::panic::Location;

use super::level::{Declaration, Level};
use crate::primitive::{MutexGuard, per_thread};

/// The most ranked locks that a thread holds at a time. They are of different levels, so a program with fewer levels
/// never comes to it.
pub const MAX_HELD: usize = 32;

per_thread! {
    /// An array and no destructor, so that it is reached without asking whether it is still there, also by
    /// destructors that run at the end of a thread.
    static STACK: Stack = const { Stack::new() };
}

struct Stack {
    len: Cell<usize>,
    entries: [Cell<Option<Entry>>; MAX_HELD],
}

#[derive(Clone, Copy)]
struct Entry {
    level: &'static Declaration,
    taken: &'static Location<'static>,
}

/// A lock of level `L` on this thread's stack, from before it is waited for until it is dropped.
pub(super) struct Held<L: Level> {
    level: PhantomData<fn() -> L>,
    /// Dropped by the thread that made it: it is on that thread's stack. Others may look at what it guards, as with a
    /// guard of std, which is why it is marked by one.
    of_this_thread: PhantomData<MutexGuard<'static, ()>>,
}

impl<L: Level> Held<L> {
    /// Notes that a lock of level `L` is about to be taken at `taken`.
    ///
    /// # Panics
    /// If what is held does not come before `L`.
    #[inline]
    pub(super) fn enter(taken: &'static Location<'static>) -> Self {
        STACK.with(|stack| stack.push(Entry { level: L::DECLARATION, taken }));
        Self { level: PhantomData, of_this_thread: PhantomData }
    }
}

impl<L: Level> Drop for Held<L> {
    #[inline]
    fn drop(&mut self) {
        STACK.with(|stack| stack.remove(L::DECLARATION));
    }
}

impl Stack {
    const fn new() -> Self {
        Self { len: Cell::new(0), entries: [const { Cell::new(None) }; MAX_HELD] }
    }

    /// Looking at the last entry is enough. Each entry came after the last one of its time, so the stack is
    /// a chain, taking something out of the middle leaves a chain, and what comes after its end comes after all.
    #[inline]
    fn push(&self, entry: Entry) {
        let len = self.len.get();
        if let Some(last) = len.checked_sub(1).and_then(|last| self.entries[last].get())
            && !last.level.is_before(entry.level)
        {
            self.refuse(entry);
        }
        match self.entries.get(len) {
            Some(free) => free.set(Some(entry)),
            None => self.refuse(entry),
        }
        self.len.set(len + 1);
    }

    /// Guards may be dropped in any order, so what is above the entry moves down.
    #[inline]
    fn remove(&self, level: &'static Declaration) {
        let last = self.len.get() - 1;
        let mut above = self.entries[last].take();
        self.len.set(last);
        let mut index = last;
        while above.is_some_and(|entry| !std::ptr::eq(entry.level, level)) && index > 0 {
            index -= 1;
            above = self.entries[index].replace(above);
        }
    }

    #[cold]
    #[inline(never)]
    #[expect(clippy::panic, reason = "a wrong order is a defect of the program, and waiting may never end")]
    fn refuse(&self, entry: Entry) -> ! {
        panic!("{}", self.complaint(entry));
    }

    fn complaint(&self, entry: Entry) -> String {
        let held: Vec<_> = self.entries[..self.len.get()].iter().filter_map(Cell::get).collect();
        let (wanted, at) = (entry.level.name(), entry.taken);
        let mut text = match held.last() {
            Some(last) if held.len() < MAX_HELD => format!(
                "wrong lock order: `{wanted}` at {at} is not declared to come after `{}`, held since {}; held, \
                 from the first taken to the last:",
                last.level.name(),
                last.taken
            ),
            _ => format!("too many locks: `{wanted}` at {at} would be one more than {MAX_HELD}; held:"),
        };
        for entry in held {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  `{}` since {}", entry.level.name(), entry.taken);
        }
        text
    }
}
