//! The nine tools of the official memory server, over the entity graph.

use serde::{Deserialize, Serialize};
use unforget::{Entity, NewObservations, ObservationsToDelete, Relation};

use super::{Answer, Call, Effect, Refusal, Tool};
use crate::arguments::{Field, Shape};
use crate::memory::Memory;

const TEXTS: Shape = Shape::List(&Shape::Text);

const ENTITIES: Shape = Shape::List(&Shape::Record(&[
    Field::required("name", Shape::Text),
    Field::required("entityType", Shape::Text),
    Field::required("observations", TEXTS),
]));

const RELATIONS: Shape = Shape::List(&Shape::Record(&[
    Field::required("from", Shape::Text),
    Field::required("to", Shape::Text),
    Field::required("relationType", Shape::Text),
]));

const NEW_OBSERVATIONS: Shape = Shape::List(&Shape::Record(&[
    Field::required("entityName", Shape::Text),
    Field::required("contents", TEXTS),
]));

const DELETIONS: Shape = Shape::List(&Shape::Record(&[
    Field::required("entityName", Shape::Text),
    Field::required("observations", TEXTS),
]));

pub(super) const TOOLS: [Tool; 9] = [
    changes("create_entities", &[Field::required("entities", ENTITIES)], create_entities),
    changes("create_relations", &[Field::required("relations", RELATIONS)], create_relations),
    changes("add_observations", &[Field::required("observations", NEW_OBSERVATIONS)], add_observations),
    changes("delete_entities", &[Field::required("entityNames", TEXTS)], delete_entities),
    changes("delete_observations", &[Field::required("deletions", DELETIONS)], delete_observations),
    changes("delete_relations", &[Field::required("relations", RELATIONS)], delete_relations),
    reads("read_graph", &[], read_graph),
    reads("search_nodes", &[Field::required("query", Shape::Text)], search_nodes),
    reads("open_nodes", &[Field::required("names", TEXTS)], open_nodes),
];

type Perform = fn(&Memory, Call) -> Result<Answer, Refusal>;

const fn changes(name: &'static str, fields: &'static [Field], perform: Perform) -> Tool {
    Tool { name, fields, effect: Effect::ChangesTheGraph, perform }
}

const fn reads(name: &'static str, fields: &'static [Field], perform: Perform) -> Tool {
    Tool { name, fields, effect: Effect::Reads, perform }
}

fn create_entities(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {
        entities: Vec<Entity>,
    }
    let limit = call.answer_limit;
    let Arguments { entities } = call.arguments()?;
    Answer::list("entities", &memory.graph().create_entities(entities)?, limit)
}

fn create_relations(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    let limit = call.answer_limit;
    let Relations { relations } = call.arguments()?;
    Answer::list("relations", &memory.graph().create_relations(relations)?, limit)
}

fn add_observations(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {
        observations: Vec<NewObservations>,
    }
    let limit = call.answer_limit;
    let Arguments { observations } = call.arguments()?;
    Answer::list("results", &memory.graph().add_observations(observations)?, limit)
}

fn delete_entities(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Arguments {
        entity_names: Vec<String>,
    }
    let limit = call.answer_limit;
    let Arguments { entity_names } = call.arguments()?;
    let done = memory.graph().delete_entities(entity_names)?;
    let message = if done.missing.is_empty() {
        "Entities deleted successfully".to_owned()
    } else {
        let missing = done.missing.join(", ");
        format!("Deleted {} of {} entities. Not found: {missing}", done.deleted, done.asked)
    };
    deleted(message, limit)
}

fn delete_observations(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {
        deletions: Vec<ObservationsToDelete>,
    }
    let limit = call.answer_limit;
    let Arguments { deletions } = call.arguments()?;
    let done = memory.graph().delete_observations(deletions)?;
    let mut message = "Observations deleted successfully".to_owned();
    if done.deleted != done.asked {
        message = format!("Deleted {} of {} observations.", done.deleted, done.asked);
        if !done.missing.is_empty() {
            message = format!("{message} Entities not found: {}", done.missing.join(", "));
        }
    }
    deleted(message, limit)
}

fn delete_relations(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    let limit = call.answer_limit;
    let Relations { relations } = call.arguments()?;
    let done = memory.graph().delete_relations(relations)?;
    let message = if done.deleted == done.asked {
        "Relations deleted successfully".to_owned()
    } else {
        format!("Deleted {} of {} relations. The rest matched nothing.", done.deleted, done.asked)
    };
    deleted(message, limit)
}

#[derive(Deserialize)]
struct Relations {
    relations: Vec<Relation>,
}

fn deleted(message: String, limit: usize) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    struct Deleted<'a> {
        success: bool,
        message: &'a str,
    }
    let data = Answer::same(&Deleted { success: true, message: &message }, limit)?.data;
    Ok(Answer { text: message, data })
}

fn read_graph(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {}
    let limit = call.answer_limit;
    let Arguments {} = call.arguments()?;
    Answer::same(&memory.graph().read()?, limit)
}

fn search_nodes(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {
        query: String,
    }
    let limit = call.answer_limit;
    let Arguments { query } = call.arguments()?;
    Answer::same(&memory.graph().search(&query)?, limit)
}

fn open_nodes(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct Arguments {
        names: Vec<String>,
    }
    let limit = call.answer_limit;
    let Arguments { names } = call.arguments()?;
    Answer::same(&memory.graph().open(&names)?, limit)
}
