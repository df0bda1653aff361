//! The tools: what clients are told of them, and how each is called.

mod answer;
mod official;
mod own;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;
use unforget::unforget_memory;

pub(crate) use self::answer::{Answer, pretty};
use crate::arguments::{self, Field};
use crate::memory::Memory;

/// What clients are told of the nine tools of the official server, word for word as it tells them.
const OFFICIAL: &str = include_str!("tools/official.json");

/// What clients are told of ours.
const OWN: &str = include_str!("tools/own.json");

/// A tool that can be called.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    fields: &'static [Field],
    pub(crate) effect: Effect,
    perform: fn(&Memory, Call) -> Result<Answer, Refusal>,
}

/// What a tool does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    ChangesTheGraph,
    Remembers,
}

/// A call of a tool, with arguments of the right shape.
#[derive(Debug)]
pub(crate) struct Call {
    name: &'static str,
    arguments: JsonObject,
    answer_limit: usize,
}

/// Why a call was not carried out, as the client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

/// What clients are told of all tools.
pub(crate) fn definitions() -> serde_json::Result<Vec<Value>> {
    let mut tools: Vec<Value> = serde_json::from_str(OFFICIAL)?;
    tools.extend(serde_json::from_str::<Vec<Value>>(OWN)?);
    Ok(tools)
}

/// Finds a tool.
pub(crate) fn named(name: &str) -> Result<&'static Tool, Refusal> {
    let mut tools = official::TOOLS.iter().chain(&own::TOOLS);
    tools
        .find(|tool| tool.name == name)
        .ok_or_else(|| Refusal(format!("MCP error -32602: Tool {name} not found")))
}

impl Tool {
    /// Checks the shape of the arguments.
    pub(crate) fn call(&self, arguments: JsonObject, answer_limit: usize) -> Result<Call, Refusal> {
        match arguments::check(&arguments, self.fields) {
            Ok(()) => Ok(Call { name: self.name, arguments, answer_limit }),
            Err(issues) => Err(Refusal::invalid(self.name, issues)),
        }
    }

    /// Carries a call out. Blocks.
    pub(crate) fn perform(&self, memory: &Memory, call: Call) -> Result<Answer, Refusal> {
        (self.perform)(memory, call)
    }
}

impl Call {
    fn arguments<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        T::deserialize(Value::Object(self.arguments)).map_err(|error| Refusal::invalid(self.name, error))
    }
}

impl Refusal {
    fn invalid(tool: &str, what: impl std::fmt::Display) -> Self {
        Self(format!("MCP error -32602: Input validation error: Invalid arguments for tool {tool}: {what}"))
    }
}

impl From<unforget_memory::Error> for Refusal {
    fn from(error: unforget_memory::Error) -> Self {
        Self::from(unforget::Error::from(error))
    }
}

impl From<unforget::Error> for Refusal {
    fn from(error: unforget::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_that_is_told_can_be_called_and_every_other_way_round() {
        let told: Vec<String> = definitions()
            .expect("the definitions are JSON")
            .iter()
            .map(|tool| tool["name"].as_str().expect("a tool has a name").to_owned())
            .collect();
        let callable: Vec<&str> = official::TOOLS.iter().chain(&own::TOOLS).map(|tool| tool.name).collect();
        assert_eq!(told, callable);
    }

    #[test]
    fn the_shapes_that_are_checked_are_those_that_are_told() {
        for definition in definitions().expect("the definitions are JSON") {
            let tool = named(definition["name"].as_str().expect("a name")).expect("it can be called");
            let fields: serde_json::Map<_, _> =
                tool.fields.iter().map(|field| (field.name().to_owned(), field.schema())).collect();
            let properties = definition["inputSchema"]["properties"].as_object().expect("properties");
            assert_eq!(Value::Object(fields), stripped(properties), "{}", tool.name);
        }
    }

    /// A schema without what only people read.
    fn stripped(properties: &JsonObject) -> Value {
        let strip = |(name, schema): (&String, &Value)| {
            let kept =
                schema.as_object().expect("a schema is an object").iter().filter_map(|(key, value)| {
                    let value = match key.as_str() {
                        "type" | "required" => value.clone(),
                        "items" => {
                            stripped(&[("items".to_owned(), value.clone())].into_iter().collect())["items"]
                                .clone()
                        }
                        "properties" => stripped(value.as_object().expect("properties")),
                        _ => return None,
                    };
                    Some((key.clone(), value))
                });
            (name.clone(), Value::Object(kept.collect()))
        };
        Value::Object(properties.iter().map(strip).collect())
    }
}
