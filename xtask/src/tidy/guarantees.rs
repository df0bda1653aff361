//! Every guarantee has a row, and every test it names exists.
//!
//! A row of `docs/guarantees.md` begins with the guarantee's number and links its tests by name:
//!
//! ```text
//! | G2 | No update is lost: … | [`counter::no_increment_is_lost`](../tests/it/counter.rs) |
//! | G9 | Every mirror gets … | not promised yet |
//! ```

use super::Finding;
use super::links::resolve;
use super::markdown::{self, Link, prose};
use super::tree::{Tree, has_extension};

const RULE: &str = "guarantees";
const PAGE: &str = "docs/guarantees.md";
const COUNT: usize = 12;
/// What a row says instead of naming a test, while the guarantee does not hold.
const NOT_YET: &str = "not promised yet";

/// Checks that the rows are there and that their tests are.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(PAGE) else {
        return vec![Finding::new(RULE, PAGE, 1, "it does not exist; write it, a row for each guarantee")];
    };
    let links: Vec<_> = markdown::links(text).collect();
    let mut findings: Vec<_> = links.iter().filter_map(|link| missing_test(tree, link)).collect();
    for number in 1..=COUNT {
        let name = format!("G{number}");
        let rows: Vec<_> = prose(text).filter(|(_, line)| first_cell(line) == Some(&name)).collect();
        findings.extend(match rows[..] {
            [(line, row)] if names_no_test(row, line, &links) => Some(Finding::new(
                RULE,
                PAGE,
                line,
                format!("{name} names no test; link one, or say \"{NOT_YET}\""),
            )),
            [_] => None,
            [] => Some(Finding::new(RULE, PAGE, 1, format!("there is no row `| {name} | …`; add it"))),
            [_, (line, _), ..] => {
                Some(Finding::new(RULE, PAGE, line, format!("{name} has a row already; merge them")))
            }
        });
    }
    findings
}

fn first_cell(line: &str) -> Option<&str> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?;
    Some(cell.trim().trim_matches(['*', '`']))
}

fn names_no_test(row: &str, line: usize, links: &[Link<'_>]) -> bool {
    !row.contains(NOT_YET) && !links.iter().any(|link| link.line == line && is_test(link))
}

/// A link into a Rust file names a test; any other link is just a link.
fn is_test(link: &Link<'_>) -> bool {
    has_extension(without_fragment(link.target), "rs")
}

fn without_fragment(target: &str) -> &str {
    target.split('#').next().unwrap_or(target)
}

fn missing_test(tree: &Tree, link: &Link<'_>) -> Option<Finding> {
    // A file that does not exist is found as a broken link.
    let text = tree.text(&resolve(PAGE, without_fragment(link.target))?).filter(|_| is_test(link))?;
    let path = link.text.trim_matches('`');
    let name = path.rsplit("::").next().unwrap_or(path);
    let message = || format!("there is no `fn {name}` in {}; mend the name or write the test", link.target);
    (!defines(text, name)).then(|| Finding::new(RULE, PAGE, link.line, message()))
}

fn defines(source: &str, name: &str) -> bool {
    let start = format!("fn {name}");
    let ends = |rest: &str| rest.starts_with(['(', '<']);
    source.match_indices(&start).any(|(at, _)| source.get(at + start.len()..).is_some_and(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "#[test]\nfn nothing_is_lost() {}\n";

    fn page(row: &str) -> String {
        let rows = (2..=COUNT).map(|number| format!("| G{number} | text | not promised yet |\n"));
        rows.fold(format!("| | promise | test |\n|-|-|-|\n{row}\n"), |page, row| page + &row)
    }

    fn findings(row: &str) -> Vec<String> {
        let tree = Tree::of([(PAGE, &page(row)), ("tests/it/a.rs", TEST)]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_row_names_a_test_that_exists() {
        for row in [
            "| G1 | text | [nothing_is_lost](../tests/it/a.rs) |",
            "| **G1** | text | [`a::nothing_is_lost`](../tests/it/a.rs#L2), [why](why.md) |",
            "| G1 | text | not promised yet |",
        ] {
            assert_eq!(findings(row), Vec::<String>::new(), "{row}");
        }
    }

    #[test]
    fn a_row_that_shows_nothing_is_found() {
        for (row, word) in [
            ("", "no row"),
            ("| G1 | text | |", "names no test"),
            ("| G1 | text | [nothing](../tests/it/a.rs) |", "no `fn nothing`"),
            ("| G1 | not promised yet |\n| G1 | not promised yet |", "already"),
        ] {
            let findings = findings(row);
            assert!(matches!(&findings[..], [only] if only.contains(word)), "{row}: {findings:?}");
        }
        assert_eq!(check(&Tree::default()).len(), 1, "the page has to exist");
    }
}
