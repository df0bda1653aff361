//! The graph as a resource, whole or in pages.

use rmcp::ErrorData;
use rmcp::model::{ErrorCode, Resource, ResourceTemplate};

/// The whole graph.
pub(crate) const URI: &str = "memory://knowledge-graph";

const TEMPLATE: &str = "memory://knowledge-graph{?after,limit}";
const JSON: &str = "application/json";

/// How many entities a page has unless it is asked for more or fewer.
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
    let page = ResourceTemplate::new(TEMPLATE, "knowledge-graph-page").with_title("Knowledge Graph, in pages");
    let page = page.with_mime_type(JSON).with_description(
        "A page of the knowledge graph in order of creation: `limit` entities with the relations that begin at them, \
         after the page whose `next` is given as `after`",
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
    query.and_then(page).ok_or_else(|| {
        ErrorData::invalid_params(format!("MCP error -32602: Resource {uri} not found"), None)
    })
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
        for wrong in ["memory://else", "memory://knowledge-graph?limit=0", "memory://knowledge-graph?a=b", "nothing"] {
            assert!(wanted(wrong).is_err(), "{wrong}");
        }
    }
}
