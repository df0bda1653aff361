//! The shape of READMEs: one sentence, then code, then promises and what is not promised.

use super::Finding;
use super::markdown::{self, prose};
use super::tree::Tree;

const RULE: &str = "readme";
const ROOT: &str = "README.md";
/// A reader who sees no code by then has gone.
const CODE_BY_LINE: usize = 20;
const MOST_BADGES: usize = 3;
/// How the beginning of a badge, an image that is a link, is written.
const BADGE: &str = "[![";
/// Commands a visitor can paste.
const COMMANDS: [&str; 2] = ["cargo run --release -- tour", "cargo xtask verify"];
/// Words that occur in the titles of sections.
const SECTIONS: [&str; 2] = ["promise", "not"];

/// Checks the README of the workspace.
pub(crate) fn check_root(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(ROOT) else {
        return vec![finding(ROOT, 1, "it does not exist; write it".into())];
    };
    let mut findings: Vec<_> = code_too_late(ROOT, text).into_iter().collect();
    findings.extend(opening(text));
    findings.extend(
        COMMANDS
            .iter()
            .filter(|command| !text.contains(*command))
            .map(|command| finding(ROOT, 1, format!("it does not mention `{command}`; say when to run it"))),
    );
    findings.extend(
        SECTIONS.iter().filter(|word| !has_section(text, word)).map(|word| {
            finding(ROOT, 1, format!("no section has \"{word}\" in its title; write that section"))
        }),
    );
    let badges = text.matches(BADGE).count();
    if badges > MOST_BADGES {
        findings.push(finding(
            ROOT,
            1,
            format!("it has {badges} badges, the limit is {MOST_BADGES}; keep the useful ones"),
        ));
    }
    findings
}

/// Checks the README of every crate of the product.
pub(crate) fn check_crates(tree: &Tree) -> Vec<Finding> {
    let product = tree.members.iter().filter(|member| member.is_product());
    let readmes = product.map(|member| member.file("README.md"));
    // That it exists at all is a rule about crates.
    readmes.filter_map(|path| code_too_late(&path, tree.text(&path)?)).collect()
}

fn finding(path: &str, line: usize, message: String) -> Finding {
    Finding::new(RULE, path, line, message)
}

fn code_too_late(path: &str, text: &str) -> Option<Finding> {
    let message = format!("no code block starts by line {CODE_BY_LINE}; show the smallest use first");
    match markdown::first_code(text) {
        Some(line) if line <= CODE_BY_LINE => None,
        other => Some(finding(path, other.unwrap_or(1), message)),
    }
}

/// The first paragraph below the title, badges aside, is one sentence.
fn opening(text: &str) -> Option<Finding> {
    let aside = |line: &str| line.starts_with('#') || line.starts_with(BADGE);
    let mut lines = prose(text).skip_while(|(_, line)| line.trim().is_empty() || aside(line));
    let (number, first) = lines.next()?;
    let paragraph = lines.map(|(_, line)| line).take_while(|line| !line.trim().is_empty());
    let paragraph: Vec<_> = [first].into_iter().chain(paragraph).map(str::trim).collect();
    let message = "the first paragraph is one sentence, what a user gets; move the rest below the code";
    (!is_sentence(&paragraph.join(" "))).then(|| finding(ROOT, number, message.into()))
}

fn is_sentence(text: &str) -> bool {
    let goes_on = |end: &str| {
        let mut rests = text.match_indices(end).filter_map(|(at, _)| text.get(at + end.len()..));
        rests.any(|rest| rest.starts_with(char::is_uppercase))
    };
    text.trim_end_matches(['*', '_']).ends_with('.') && ![". ", "! ", "? "].into_iter().any(goes_on)
}

fn has_section(text: &str, word: &str) -> bool {
    let says = |title: &str| {
        title
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| part.trim_end_matches('s') == word)
    };
    markdown::headings(text).any(|heading| says(heading.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Member;

    const GOOD: &str = "# unforget\n\n[![ci](a)](b)\n\nA memory for agents that\nloses nothing.\n\n```sh\n\
        cargo run --release -- tour\ncargo xtask verify\n```\n\n## What it promises\n\n## What it does not do\n";

    fn findings(text: &str) -> Vec<String> {
        check_root(&Tree::of([(ROOT, text)])).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_readme_of_the_right_shape_has_nothing_to_change() {
        assert_eq!(findings(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_missing_part_is_found() {
        for (from, to, word) in [
            ("loses nothing.", "loses nothing. It is fast.", "one sentence"),
            ("loses nothing.", "loses nothing", "one sentence"),
            ("```sh", &format!("{}```sh", "\n".repeat(20)), "line 20"),
            ("-- tour", "", "tour"),
            ("xtask", "x", "verify"),
            ("promises", "does", "promise"),
            ("does not do", "is nothing for", "\"not\""),
            ("[![ci](a)](b)", "[![a](a)](a) [![b](b)](b) [![c](c)](c) [![d](d)](d)", "badges"),
        ] {
            let findings = findings(&GOOD.replacen(from, to, 1));
            assert!(matches!(&findings[..], [only] if only.contains(word)), "{word}: {findings:?}");
        }
        assert_eq!(check_root(&Tree::default()).len(), 1, "it has to exist");
    }

    #[test]
    fn a_crates_readme_shows_code_early() {
        let member = Member { directory: "crates/a".into(), ..Member::default() };
        let findings = |text: &str| {
            check_crates(&Tree::of([("crates/a/README.md", text)]).with_members([member.clone()])).len()
        };
        assert_eq!(findings("# a\n\n```rust\n```\n"), 0);
        assert_eq!(findings("# a\n\nwords\n"), 1);
    }
}
