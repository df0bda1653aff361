//! Compares JSON with the shape that is wanted and says what is wrong with it, in the words of the official server.

use std::fmt::{self, Display};

use serde_json::{Map, Value};

/// How many things are told that are wrong with one call; a large call could have millions.
const TOLD: usize = 100;

/// What a value is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Integer,
    List(&'static Shape),
    Record(&'static [Field]),
    /// An object of any keys.
    Map,
}

/// A key of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    shape: Shape,
    optional: bool,
}

impl Field {
    pub(crate) const fn required(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, optional: false }
    }

    pub(crate) const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, optional: true }
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its JSON Schema, without what only people read.
    #[cfg(test)]
    pub(crate) fn schema(&self) -> Value {
        self.shape.schema()
    }
}

/// A step from a value into it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(&'static str),
    Index(usize),
}

/// A value that is not what it is to be.
#[derive(Debug, PartialEq, Eq)]
struct Issue {
    path: Vec<Step>,
    expected: &'static str,
    received: &'static str,
}

impl Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, received, .. } = self;
        write!(f, "Invalid input: expected {expected}, received {received}")
    }
}

/// What is wrong with a value; at least one thing.
#[derive(Debug)]
pub(crate) struct Issues {
    told: Vec<Issue>,
    untold: usize,
}

/// Compares a record with its fields; keys that are not among them are allowed and mean nothing.
pub(crate) fn check(record: &Map<String, Value>, fields: &'static [Field]) -> Result<(), Issues> {
    let mut check = Check { path: Vec::new(), issues: Issues { told: Vec::new(), untold: 0 } };
    check.record(record, fields);
    if check.issues.told.is_empty() { Ok(()) } else { Err(check.issues) }
}

struct Check {
    path: Vec<Step>,
    issues: Issues,
}

impl Check {
    fn record(&mut self, record: &Map<String, Value>, fields: &'static [Field]) {
        for field in fields {
            let value = record.get(field.name);
            if value.is_none() && field.optional {
                continue;
            }
            self.path.push(Step::Key(field.name));
            self.value(value, field.shape);
            self.path.pop();
        }
    }

    fn value(&mut self, value: Option<&Value>, shape: Shape) {
        match (shape, value) {
            (Shape::Text, Some(Value::String(_))) | (Shape::Map, Some(Value::Object(_))) => {}
            (Shape::Integer, Some(Value::Number(number))) if number.is_u64() => {}
            (Shape::List(item), Some(Value::Array(items))) => {
                for (index, value) in items.iter().enumerate() {
                    self.path.push(Step::Index(index));
                    self.value(Some(value), *item);
                    self.path.pop();
                }
            }
            (Shape::Record(fields), Some(Value::Object(record))) => self.record(record, fields),
            _ => self.issue(shape.name(), kind(value)),
        }
    }

    fn issue(&mut self, expected: &'static str, received: &'static str) {
        if self.issues.told.len() == TOLD {
            self.issues.untold += 1;
        } else {
            self.issues.told.push(Issue { path: self.path.clone(), expected, received });
        }
    }
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "int",
            Self::List(_) => "array",
            Self::Record(_) => "object",
            Self::Map => "record",
        }
    }
}

#[cfg(test)]
impl Shape {
    fn schema(self) -> Value {
        use serde_json::json;

        match self {
            Self::Text => json!({"type": "string"}),
            Self::Integer => json!({"type": "integer"}),
            Self::List(items) => json!({"type": "array", "items": items.schema()}),
            Self::Map => json!({"type": "object"}),
            Self::Record(fields) => {
                let properties: Map<_, _> =
                    fields.iter().map(|field| (field.name.to_owned(), field.schema())).collect();
                let required: Vec<_> =
                    fields.iter().filter(|field| !field.optional).map(Field::name).collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
        }
    }
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// One line for each issue, as in the answer to a call with wrong arguments.
impl Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, issue) in self.told.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{issue} at ")?;
            for (number, step) in issue.path.iter().enumerate() {
                match step {
                    Step::Key(key) if number == 0 => f.write_str(key)?,
                    Step::Key(key) => write!(f, ".{key}")?,
                    Step::Index(index) => write!(f, "[{index}]")?,
                }
            }
        }
        if self.untold > 0 {
            write!(f, "\nand {} more", self.untold)?;
        }
        Ok(())
    }
}

impl Issues {
    /// A JSON array, as in the answer to a request with wrong parameters.
    pub(crate) fn to_json(&self) -> String {
        let issues: Vec<String> = self.told.iter().map(Issue::to_json).collect();
        format!("[\n{}\n]", issues.join(",\n"))
    }
}

impl Issue {
    /// Written by hand, because the order of the keys is part of the text.
    fn to_json(&self) -> String {
        let path: Vec<String> = self.path.iter().map(|step| format!("\n      {step}")).collect();
        let Self { expected, .. } = self;
        format!(
            "  {{\n    \"expected\": \"{expected}\",\n    \"code\": \"invalid_type\",\n    \"path\": [{}\n    ],\n    \
             \"message\": \"{self}\"\n  }}",
            path.join(",")
        )
    }
}

/// As in JSON.
impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "\"{key}\""),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}
