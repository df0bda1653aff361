//! Random calls against a plain model of the official server's behaviour.

use proptest::prelude::*;
use proptest::sample::select;
use unforget_memory::{
    Entity, Graph, KnowledgeGraph, Memories, NewObservations, ObservationsToDelete, Relation,
};
use unforget_sqlite::{Database, Options};

const NAMES: [&str; 6] = ["Ada", "ada", "Red Kite", "ÉTÉ", "", "x\0y"];
const CONTENTS: [&str; 7] = ["red kite", "Red Kite", "blue north", "été", "", "x\0y\"z", "kite north"];
const QUERIES: [&str; 15] = [
    "",
    "a",
    "AD",
    "ada",
    "RED KITE",
    "kite",
    "d k",
    "Été",
    "\"",
    "x\0y",
    "person",
    "kite blue",
    "north red ada",
    "zeppelin",
    "tekite",
];

#[derive(Debug, Clone)]
enum Op {
    CreateEntities(Vec<Entity>),
    CreateRelations(Vec<Relation>),
    AddObservations(Vec<NewObservations>),
    DeleteEntities(Vec<String>),
    DeleteObservations(Vec<ObservationsToDelete>),
    DeleteRelations(Vec<Relation>),
    Search(String),
    Open(Vec<String>),
}

fn name() -> impl Strategy<Value = String> {
    select(&NAMES[..]).prop_map(str::to_owned)
}

fn contents() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(&CONTENTS[..]).prop_map(str::to_owned), 0..4)
}

fn entities() -> impl Strategy<Value = Vec<Entity>> {
    let kind = select(&["person", "Kite", ""][..]);
    let entity = (name(), kind, contents()).prop_map(|(name, kind, observations)| Entity {
        name,
        entity_type: kind.to_owned(),
        observations,
    });
    prop::collection::vec(entity, 0..4)
}

fn relations() -> impl Strategy<Value = Vec<Relation>> {
    let relation = (name(), select(&["knows", "Knows"][..]), name())
        .prop_map(|(from, kind, to)| Relation::new(from, kind, to));
    prop::collection::vec(relation, 0..3)
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let about = || prop::collection::vec((name(), contents()), 0..3);
    let added = |all: Vec<(String, Vec<String>)>| {
        let item = |(entity_name, contents)| NewObservations { entity_name, contents };
        Op::AddObservations(all.into_iter().map(item).collect())
    };
    let deleted = |all: Vec<(String, Vec<String>)>| {
        let item = |(entity_name, observations)| ObservationsToDelete { entity_name, observations };
        Op::DeleteObservations(all.into_iter().map(item).collect())
    };
    let op = prop_oneof![
        4 => entities().prop_map(Op::CreateEntities),
        3 => relations().prop_map(Op::CreateRelations),
        2 => about().prop_map(added),
        1 => prop::collection::vec(name(), 0..3).prop_map(Op::DeleteEntities),
        1 => about().prop_map(deleted),
        1 => relations().prop_map(Op::DeleteRelations),
        4 => select(&QUERIES[..]).prop_map(|query| Op::Search(query.to_owned())),
        1 => prop::collection::vec(name(), 0..3).prop_map(Op::Open),
    ];
    prop::collection::vec(op, 1..24)
}

/// The graph as two lists, changed as the official server changes them.
#[derive(Debug, Clone, Default)]
struct Model(KnowledgeGraph);

/// What a change answers, in one shape for all.
#[derive(Debug, PartialEq)]
enum Answer {
    Entities(Vec<Entity>),
    Relations(Vec<Relation>),
    Added(Vec<(String, Vec<String>)>),
    Deleted(usize, usize, Vec<String>),
    Found(KnowledgeGraph),
    /// Found by words: the order is a matter of rank.
    Ranked(Vec<String>),
    Refused(String),
}

impl Model {
    fn find(&self, name: &str) -> Option<usize> {
        self.0.entities.iter().position(|entity| entity.name == name)
    }

    /// A call that fails leaves everything as it was.
    fn run(&mut self, op: &Op) -> Answer {
        let before = self.clone();
        self.attempt(op).unwrap_or_else(|name| {
            *self = before;
            Answer::Refused(format!("Entity with name {name} not found"))
        })
    }

    fn attempt(&mut self, op: &Op) -> Result<Answer, String> {
        Ok(match op {
            Op::CreateEntities(entities) => Answer::Entities(self.create_entities(entities)),
            Op::CreateRelations(relations) => Answer::Relations(self.create_relations(relations)?),
            Op::AddObservations(observations) => Answer::Added(self.add(observations)?),
            Op::DeleteEntities(names) => self.delete_entities(names),
            Op::DeleteObservations(deletions) => self.delete_observations(deletions),
            Op::DeleteRelations(relations) => self.delete_relations(relations),
            Op::Search(query) => self.search(query),
            Op::Open(names) => Answer::Found(self.those(|entity| names.contains(&entity.name))),
        })
    }

    fn create_entities(&mut self, entities: &[Entity]) -> Vec<Entity> {
        let mut new = Vec::new();
        for entity in entities {
            if self.find(&entity.name).is_none() {
                self.0.entities.push(entity.clone());
                new.push(entity.clone());
            }
        }
        new
    }

    fn create_relations(&mut self, relations: &[Relation]) -> Result<Vec<Relation>, String> {
        let mut new = Vec::new();
        for relation in relations {
            for end in [&relation.from, &relation.to] {
                self.find(end).ok_or_else(|| end.clone())?;
            }
            if !self.0.relations.contains(relation) {
                self.0.relations.push(relation.clone());
                new.push(relation.clone());
            }
        }
        Ok(new)
    }

    fn add(&mut self, items: &[NewObservations]) -> Result<Vec<(String, Vec<String>)>, String> {
        let mut answer = Vec::new();
        for item in items {
            let place = self.find(&item.entity_name).ok_or_else(|| item.entity_name.clone())?;
            let held = &mut self.0.entities[place].observations;
            let mut new = Vec::new();
            for content in &item.contents {
                if !held.contains(content) {
                    held.push(content.clone());
                    new.push(content.clone());
                }
            }
            answer.push((item.entity_name.clone(), new));
        }
        Ok(answer)
    }

    fn delete_entities(&mut self, names: &[String]) -> Answer {
        let (there, missing): (Vec<_>, Vec<_>) =
            names.iter().cloned().partition(|name| self.find(name).is_some());
        self.0.entities.retain(|entity| !names.contains(&entity.name));
        self.0.relations.retain(|relation| !names.contains(&relation.from) && !names.contains(&relation.to));
        Answer::Deleted(names.len(), there.len(), missing)
    }

    fn delete_observations(&mut self, deletions: &[ObservationsToDelete]) -> Answer {
        let (mut asked, mut deleted, mut missing) = (0, 0, Vec::new());
        for deletion in deletions {
            asked += deletion.observations.len();
            let Some(place) = self.find(&deletion.entity_name) else {
                missing.push(deletion.entity_name.clone());
                continue;
            };
            let held = &mut self.0.entities[place].observations;
            let before = held.len();
            held.retain(|content| !deletion.observations.contains(content));
            deleted += before - held.len();
        }
        Answer::Deleted(asked, deleted, missing)
    }

    fn delete_relations(&mut self, relations: &[Relation]) -> Answer {
        let before = self.0.relations.len();
        self.0.relations.retain(|relation| !relations.contains(relation));
        Answer::Deleted(relations.len(), before - self.0.relations.len(), Vec::new())
    }

    fn search(&self, query: &str) -> Answer {
        let lowered = query.to_lowercase();
        let found =
            self.those(|entity| pieces(entity).iter().any(|piece| piece.to_lowercase().contains(&lowered)));
        if !found.entities.is_empty() {
            return Answer::Found(found);
        }
        let words: Vec<String> = words(query);
        let having = |entity: &Entity| {
            let all: Vec<String> = pieces(entity).iter().flat_map(|piece| self::words(piece)).collect();
            words.iter().filter(|word| all.contains(word)).count()
        };
        let best = self.0.entities.iter().map(having).max().unwrap_or(0);
        let wanted = if best == words.len() { best } else { 1 };
        let ranked = self.0.entities.iter().filter(|entity| best > 0 && having(entity) >= wanted);
        let mut names: Vec<String> = ranked.map(|entity| entity.name.clone()).collect();
        names.sort();
        Answer::Ranked(names)
    }

    fn those(&self, wanted: impl Fn(&Entity) -> bool) -> KnowledgeGraph {
        let entities: Vec<Entity> = self.0.entities.iter().filter(|entity| wanted(entity)).cloned().collect();
        let has = |name: &str| entities.iter().any(|entity| entity.name == name);
        let touches = |relation: &&Relation| has(&relation.from) || has(&relation.to);
        let relations = self.0.relations.iter().filter(touches).cloned().collect();
        KnowledgeGraph { entities, relations }
    }
}

fn pieces(entity: &Entity) -> Vec<&str> {
    let mut pieces = vec![entity.name.as_str(), entity.entity_type.as_str()];
    pieces.extend(entity.observations.iter().map(String::as_str));
    pieces
}

/// Whole words; those of the test are their own stems.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn run(graph: &Graph, op: Op, expected: &Answer) -> Answer {
    let attempt = || -> Result<Answer, unforget_memory::Error> {
        let deleted =
            |gone: unforget_memory::Deleted| Answer::Deleted(gone.asked, gone.deleted, gone.missing);
        Ok(match op {
            Op::CreateEntities(entities) => Answer::Entities(graph.create_entities(entities)?),
            Op::CreateRelations(relations) => Answer::Relations(graph.create_relations(relations)?),
            Op::AddObservations(items) => {
                let added = graph.add_observations(items)?.into_iter();
                Answer::Added(added.map(|item| (item.entity_name, item.added_observations)).collect())
            }
            Op::DeleteEntities(names) => deleted(graph.delete_entities(names)?),
            Op::DeleteObservations(deletions) => deleted(graph.delete_observations(deletions)?),
            Op::DeleteRelations(relations) => deleted(graph.delete_relations(relations)?),
            Op::Search(query) => found(graph.search(&query)?, expected),
            Op::Open(names) => Answer::Found(graph.open(&names)?),
        })
    };
    attempt().unwrap_or_else(|error| Answer::Refused(error.to_string()))
}

fn found(graph: KnowledgeGraph, expected: &Answer) -> Answer {
    if !matches!(expected, Answer::Ranked(_)) {
        return Answer::Found(graph);
    }
    let mut names: Vec<String> = graph.entities.into_iter().map(|entity| entity.name).collect();
    names.sort();
    Answer::Ranked(names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_calls_answer_and_leave_what_the_model_does(ops in ops()) {
        let db = Database::in_memory(Options::default()).unwrap();
        let graph = Memories::open(db).unwrap().graph();
        let mut model = Model::default();
        for op in ops {
            let expected = model.run(&op);
            let told = format!("{op:?}");
            prop_assert_eq!(run(&graph, op, &expected), expected, "the answer to {}", told);
            prop_assert_eq!(graph.read().unwrap(), model.0.clone(), "the graph after {}", told);
        }
    }
}
