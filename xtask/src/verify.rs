//! Everything CI runs, in order, up to the first failure.

mod steps;

use std::fmt;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Error, models, tidy};
use steps::{Action, Step};

/// Runs every step and prints what each took; `false` when one failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool, Error> {
    let steps = steps::all(workspace);
    let outcome = in_order(&steps, |step| perform(workspace, step))?;
    println!("\n{outcome}");
    match outcome.failed {
        None => println!("All {} steps passed.", steps.len()),
        Some(step) => println!("`{}` failed. To repeat it:\n  {}", step.title, step.action.repeated()),
    }
    Ok(outcome.failed.is_none())
}

/// What the steps came to.
struct Outcome<'a> {
    took: Vec<(&'a Step, Duration)>,
    /// The step everything stopped at.
    failed: Option<&'a Step>,
}

fn in_order(
    steps: &[Step],
    mut perform: impl FnMut(&Step) -> Result<bool, Error>,
) -> Result<Outcome<'_>, Error> {
    let mut outcome = Outcome { took: Vec::new(), failed: None };
    for (index, step) in steps.iter().enumerate() {
        println!("\n==> [{}/{}] {}: {}", index + 1, steps.len(), step.title, step.action.repeated());
        let started = Instant::now();
        let passed = perform(step)?;
        outcome.took.push((step, started.elapsed()));
        if !passed {
            outcome.failed = Some(step);
            break;
        }
    }
    Ok(outcome)
}

fn perform(workspace: &Workspace, step: &Step) -> Result<bool, Error> {
    match &step.action {
        Action::Cargo(invocation) => invocation.run(),
        Action::Tidy => tidy::run(workspace.root()),
        Action::Models(checker) => models::run(workspace, *checker, &models::Selection::default()),
    }
}

/// A table: step, seconds, ok.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.took.iter().map(|(step, _)| step.title.len()).max().unwrap_or_default();
        writeln!(f, "{:width$}  {:>8}  ok", "step", "seconds")?;
        for (step, took) in &self.took {
            let passed = self.failed.is_none_or(|failed| !std::ptr::eq(failed, *step));
            let verdict = if passed { "yes" } else { "NO" };
            writeln!(f, "{:width$}  {:>8.1}  {verdict}", step.title, took.as_secs_f64())?;
        }
        let total: Duration = self.took.iter().map(|(_, took)| *took).sum();
        writeln!(f, "{:width$}  {:>8.1}", "total", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Step> {
        ["one", "two", "three"].map(|title| Step { title: title.into(), action: Action::Tidy }).into()
    }

    #[test]
    fn the_first_failure_is_the_last_step_that_runs() {
        let steps = three();
        let outcome = in_order(&steps, |step| Ok(step.title != "two")).expect("no error");
        let ran: Vec<_> = outcome.took.iter().map(|(step, _)| step.title.as_str()).collect();
        assert_eq!(ran, ["one", "two"]);
        assert_eq!(outcome.failed.map(|step| step.title.as_str()), Some("two"));
        let table = outcome.to_string();
        let verdicts: Vec<_> =
            table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect();
        assert_eq!(verdicts, ["yes", "NO"], "{table}");
    }

    #[test]
    fn when_all_pass_every_step_is_in_the_table() {
        let steps = three();
        let outcome = in_order(&steps, |_| Ok(true)).expect("no error");
        assert!(outcome.failed.is_none());
        assert_eq!(outcome.to_string().matches("yes").count(), steps.len());
    }

    #[test]
    fn an_error_is_not_taken_for_a_failed_step() {
        let refused = || Error::Failed { command: "cargo".into() };
        assert!(in_order(&three(), |_| Err(refused())).is_err());
    }
}
