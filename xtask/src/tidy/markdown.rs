//! As much Markdown as the rules need: headings, links, fences.

use super::tree::numbered;

/// A heading and the line it is on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heading<'a> {
    pub(crate) line: usize,
    pub(crate) title: &'a str,
}

/// An inline link or image, or the definition of a reference.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
    pub(crate) target: &'a str,
}

/// The lines outside fenced code blocks.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    numbered(text).filter(move |(_, line)| {
        let fence = is_fence(line);
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The line of the first fenced code block.
pub(crate) fn first_code(text: &str) -> Option<usize> {
    numbered(text).find(|(_, line)| is_fence(line)).map(|(number, _)| number)
}

pub(crate) fn headings(text: &str) -> impl Iterator<Item = Heading<'_>> {
    prose(text).filter_map(|(line, content)| {
        let title = content.trim_start_matches('#');
        let level = content.len() - title.len();
        let title = title.strip_prefix(' ')?.trim();
        (1..=6).contains(&level).then_some(Heading { line, title })
    })
}

pub(crate) fn links(text: &str) -> impl Iterator<Item = Link<'_>> {
    prose(text).flat_map(|(line, content)| {
        let inline = content.match_indices("](").filter_map(move |(middle, _)| inline(line, content, middle));
        inline.chain(definition(line, content))
    })
}

/// The anchors that GitHub gives to the headings of a page.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in headings(text) {
        let plain = anchor(heading.title);
        let mut unique = plain.clone();
        let mut count = 0;
        while anchors.contains(&unique) {
            count += 1;
            unique = format!("{plain}-{count}");
        }
        anchors.push(unique);
    }
    anchors
}

fn anchor(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    title.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

/// Reads the link around the `](` at `middle`, unless it is quoted as code.
fn inline(line: usize, content: &str, middle: usize) -> Option<Link<'_>> {
    let before = content.get(..middle)?;
    if before.matches('`').count() % 2 == 1 {
        return None;
    }
    let text = before.rsplit_once('[')?.1;
    let (target, _) = content.get(middle + 2..)?.split_once(')')?;
    Some(Link { line, text, target: without_title(target) })
}

fn definition(line: usize, content: &str) -> Option<Link<'_>> {
    let (text, target) = content.strip_prefix('[')?.split_once("]: ")?;
    Some(Link { line, text, target: without_title(target) })
}

fn without_title(target: &str) -> &str {
    target.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# One page\n\ntext [a](b.md \"title\") and [`c`](d.rs#L3), `[no](e)`\n\n\
        ```sh\n# no heading\n[no](f)\n```\n## G1: it's *here*\n## One page\n[r]: g.md\n";

    #[test]
    fn links_are_read_outside_code() {
        let targets: Vec<_> = links(PAGE).map(|link| (link.line, link.text, link.target)).collect();
        assert_eq!(targets, [(3, "a", "b.md"), (3, "`c`", "d.rs#L3"), (11, "r", "g.md")]);
    }

    #[test]
    fn headings_are_read_outside_code() {
        let lines: Vec<_> = headings(PAGE).map(|heading| heading.line).collect();
        assert_eq!(lines, [1, 9, 10]);
        assert_eq!(
            headings("#[cfg(test)]\n#1 of many\n").count(),
            0,
            "a heading has a space after its marks"
        );
    }

    #[test]
    fn anchors_are_those_that_github_makes() {
        assert_eq!(anchors(PAGE), ["one-page", "g1-its-here", "one-page-1"]);
    }

    #[test]
    fn the_first_code_block_is_found() {
        assert_eq!((first_code(PAGE), first_code("text")), (Some(5), None));
    }
}
