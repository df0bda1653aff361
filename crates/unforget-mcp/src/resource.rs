//! The graph as a resource, whole or in pages.

use rmcp::ErrorData;
use rmcp::model::{ErrorCode, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde::Serialize;
use unforget::{Entity, GraphCursor, Relation};

use crate::memory::Memory;
use crate::tools::{Refusal, pretty};

/// The whole graph.
pub(crate) const URI: &str = "memory://knowledge-graph";

const TEMPLATE: &str = "memory://knowledge-graph{?after,limit}";
const JSON: &str = "application/json";

/// How many entities and relations a page has unless it is asked for more or fewer.
const PAGE: usize = 100;

/// What a URI asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    Page { after: Option<String>, limit: usize },
}

pub(crate) fn list() -> Vec<Resource> {
    let whole = Resource::new(URI, "knowledge-graph").with_title("Knowledge Graph").with_mime_type(JSON);
    vec![whole.with_description("The full knowledge graph with all entities and relations")]
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let page =
        ResourceTemplate::new(TEMPLATE, "knowledge-graph-page").with_title("Knowledge Graph, in pages");
    let page = page.with_mime_type(JSON).with_description(
        "A part of the knowledge graph: at most `limit` entities and relations, all entities first, each in order of \
         creation. Give the `next` of one part as the `after` of the following one; the last part has none",
    );
    vec![page]
}

/// Reads a URI.
pub(crate) fn wanted(uri: &str) -> Result<Wanted, ErrorData> {
    if uri == URI {
        return Ok(Wanted::Whole);
    }
    if !is_uri(uri) {
        return Err(ErrorData::new(ErrorCode::INTERNAL_ERROR, "Invalid URL", None));
    }
    let query = uri.strip_prefix(URI).and_then(|rest| rest.strip_prefix('?'));
    query
        .and_then(page)
        .ok_or_else(|| ErrorData::invalid_params(format!("MCP error -32602: Resource {uri} not found"), None))
}

fn page(query: &str) -> Option<Wanted> {
    let (mut after, mut limit) = (None, PAGE);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("after", cursor) => after = Some(cursor.to_owned()),
            ("limit", number) => limit = number.parse().ok().filter(|limit| *limit > 0)?,
            _ => return None,
        }
    }
    Some(Wanted::Page { after, limit })
}

/// A part of the graph as it is answered.
#[derive(Serialize)]
struct Part {
    entities: Vec<Entity>,
    relations: Vec<Relation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Reads what was asked for, as JSON text. Blocks.
pub(crate) fn read(memory: &Memory, wanted: Wanted, answer_limit: usize) -> Result<String, Refusal> {
    let graph = memory.graph();
    match wanted {
        Wanted::Whole => pretty(&graph.read()?, answer_limit),
        Wanted::Page { after, limit } => {
            let after = after.map(|after| after.parse::<GraphCursor>()).transpose()?;
            let page = graph.page(after, limit)?;
            let next = page.next.map(|next| next.to_string());
            pretty(&Part { entities: page.entities, relations: page.relations, next }, answer_limit)
        }
    }
}

/// The text as what was read from a URI.
pub(crate) fn contents(uri: String, text: String) -> ReadResourceResult {
    ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(JSON)])
}

/// Whether a scheme is at the beginning.
fn is_uri(text: &str) -> bool {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_of_scheme)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_ask_for_the_whole_or_for_a_page() {
        let page = |after: Option<&str>, limit| Wanted::Page { after: after.map(str::to_owned), limit };
        assert_eq!(wanted(URI).ok(), Some(Wanted::Whole));
        assert_eq!(wanted("memory://knowledge-graph?").ok(), Some(page(None, PAGE)));
        assert_eq!(wanted("memory://knowledge-graph?limit=7&after=x9").ok(), Some(page(Some("x9"), 7)));
        for wrong in
            ["memory://else", "memory://knowledge-graph?limit=0", "memory://knowledge-graph?a=b", "nothing"]
        {
            assert!(wanted(wrong).is_err(), "{wrong}");
        }
    }
}
