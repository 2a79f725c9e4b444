//! Operations from an OpenAPI 3 document: a first draft of `[[resources.operations]]`, in which everything that only a
//! person can decide is left open, so that it is refused until somebody has.

use std::fmt::Write as _;

use serde_json::Value;
use sluice_domain::ids::{OperationId, ResourceCode};
use sluice_domain::operation::{Method, PathTemplate};

/// Levels of a schema that are looked into for the members of an answer.
const DEPTH_MAX: usize = 5;
/// Members that are listed for an operation.
const MEMBERS_MAX: usize = 40;

/// Why a document gives no operations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenApiError {
    /// Not JSON.
    #[error("not JSON (convert a YAML document first): line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Not OpenAPI 3.
    #[error("not an OpenAPI 3 document: \"openapi\" must begin with 3.")]
    NotOpenApi,
    /// No operation that could be declared.
    #[error("the document has no paths")]
    Empty,
}

/// TOML tables to be pasted below the `[[resources]]` entry of `resource`, with `# DECIDE` where a person must decide.
///
/// # Errors
/// When the document is not OpenAPI 3 in JSON or has no paths.
pub fn operations(document: &str, resource: &ResourceCode) -> Result<String, OpenApiError> {
    let root: Value = serde_json::from_str(document)
        .map_err(|error| OpenApiError::NotJson { line: error.line(), column: error.column() })?;
    if !root["openapi"].as_str().is_some_and(|version| version.starts_with("3.")) {
        return Err(OpenApiError::NotOpenApi);
    }
    let paths = root["paths"].as_object().filter(|paths| !paths.is_empty()).ok_or(OpenApiError::Empty)?;
    let mut out =
        format!("# Below the [[resources]] entry of {resource}. Answer every DECIDE, then run `sluice check`.\n");
    for server in root["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str()) {
        let _ = writeln!(out, "# base_url of its binding, as the document says: {}", one_line(server));
    }
    for (path, item) in paths {
        for (word, operation) in item.as_object().into_iter().flatten() {
            let Some(method) = Method::ALL.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(word)) else {
                continue;
            };
            let _ = writeln!(out);
            match PathTemplate::parse(path) {
                Ok(template) => Draft { root: &root, item, operation, method, path, template }.write(&mut out),
                Err(error) => {
                    let _ = writeln!(out, "# {} {}: left out: {error}", method.as_str(), one_line(path));
                }
            }
        }
    }
    Ok(out)
}

struct Draft<'d> {
    root: &'d Value,
    item: &'d Value,
    operation: &'d Value,
    method: Method,
    path: &'d str,
    template: PathTemplate,
}

impl Draft<'_> {
    fn write(&self, out: &mut String) {
        let operation = self.operation;
        if let Some(summary) = operation["summary"].as_str() {
            let _ = writeln!(out, "# {}", one_line(summary));
        }
        let _ = writeln!(out, "[[resources.operations]]");
        let _ = writeln!(out, "id = {}", text(&self.id()));
        let _ = writeln!(out, "method = {}", text(self.method.as_str()));
        let _ = writeln!(out, "path = {}", text(self.path));
        let query = self.parameters("query");
        if !query.is_empty() {
            let _ = writeln!(out, "query = {}", list(&query));
        }
        let request = types(&self.resolve(&operation["requestBody"])["content"]);
        match (self.method.takes_body(), request.is_empty()) {
            (true, false) => {
                let _ = writeln!(out, "request_types = {}", list(&request));
            }
            (false, false) => {
                let _ = writeln!(out, "# A {} takes no body here; the document declares one.", self.method.as_str());
            }
            _ => {}
        }
        let (response, statuses) = self.responses();
        if !response.is_empty() {
            let _ = writeln!(out, "response_types = {}", list(&response));
        }
        if !statuses.is_empty() {
            let _ = writeln!(out, "statuses = [{}]", statuses.join(", "));
        }
        if self.method != Method::Get {
            let _ = writeln!(out, "safe = false # DECIDE: true if it changes nothing at the provider");
        }
        let _ = writeln!(out, "items = [] # DECIDE: every item that the answer may give out");
        self.write_people(out);
    }

    /// Where people may stand: a person must say where they do.
    fn write_people(&self, out: &mut String) {
        let mut places: Vec<String> = self.template.parameters().map(|name| format!("path:{name}")).collect();
        places.extend(self.parameters("query").iter().map(|name| format!("query:{name}")));
        let content = &self.resolve(&self.operation["requestBody"])["content"]["application/json"]["schema"];
        self.members(content, String::new(), 0, &mut places);
        let _ =
            writeln!(out, "# DECIDE: subjects.request = [{{ at = \"…\", item = \"…\" }}]; places: {}", listed(&places));
        let mut members = Vec::new();
        for (_, response) in self.successes() {
            self.members(&response["content"]["application/json"]["schema"], String::new(), 0, &mut members);
        }
        let _ = writeln!(
            out,
            "# DECIDE: subjects.response = [{{ at = \"…\", item = \"…\" }}]; places: {}",
            listed(&members)
        );
    }

    /// The document's own id if it is one here, else one made of method and path.
    fn id(&self) -> String {
        let own = self.operation["operationId"].as_str().filter(|id| OperationId::new(id).is_ok());
        let made = || {
            let word =
                |segment: &str| segment.trim_matches(['{', '}']).replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            let words: Vec<String> = self.path.split('/').filter(|segment| !segment.is_empty()).map(word).collect();
            let id = format!("{}.{}", self.method.as_str().to_ascii_lowercase(), words.join("."));
            id.chars().take(64).collect()
        };
        own.map_or_else(made, str::to_owned)
    }

    /// Names of the parameters of a place, those of the whole path included.
    fn parameters(&self, place: &str) -> Vec<String> {
        let lists = [&self.item["parameters"], &self.operation["parameters"]];
        let mut names: Vec<String> = Vec::new();
        for parameter in lists.into_iter().filter_map(Value::as_array).flatten() {
            let parameter = self.resolve(parameter);
            if let Some(name) = parameter["name"].as_str().filter(|_| parameter["in"] == place)
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn successes(&self) -> impl Iterator<Item = (&String, &Value)> {
        let responses = self.operation["responses"].as_object().into_iter().flatten();
        responses.filter(|(status, _)| status.starts_with('2')).map(|(status, answer)| (status, self.resolve(answer)))
    }

    /// Media types of successes, and the statuses that may pass.
    fn responses(&self) -> (Vec<String>, Vec<String>) {
        let mut found: Vec<String> = self.successes().flat_map(|(_, answer)| types(&answer["content"])).collect();
        found.sort();
        found.dedup();
        let all = self.operation["responses"].as_object().into_iter().flatten().map(|(status, _)| status);
        let passes = |status: &&String| {
            status.len() == 3
                && status.starts_with('4')
                && status.bytes().all(|byte| byte.is_ascii_digit())
                && !matches!(status.as_str(), "401" | "403" | "407" | "408" | "429")
        };
        (found, all.filter(passes).cloned().collect())
    }

    /// Pointers to the members of a schema that are no objects or arrays.
    fn members(&self, schema: &Value, at: String, depth: usize, found: &mut Vec<String>) {
        if depth == DEPTH_MAX || found.len() >= MEMBERS_MAX {
            return;
        }
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.members(part, at.clone(), depth + 1, found);
        }
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                self.members(property, format!("{at}/{escaped}"), depth + 1, found);
            }
        } else if schema["items"].is_object() {
            self.members(&schema["items"], format!("{at}/*"), depth + 1, found);
        } else if !at.is_empty() && !schema["allOf"].is_array() {
            found.push(at);
        }
    }

    /// What a local `$ref` leads to; references to references a few times.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let mut here = value;
        for _ in 0..DEPTH_MAX {
            let Some(pointer) = here["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) else { break };
            here = self.root.pointer(pointer).unwrap_or(&Value::Null);
        }
        here
    }
}

/// Media types without parameters.
fn types(content: &Value) -> Vec<String> {
    let names = content.as_object().into_iter().flatten().map(|(name, _)| name);
    names.map(|name| name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()).collect()
}

fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| text(value)).collect();
    format!("[{}]", values.join(", "))
}

fn listed(places: &[String]) -> String {
    if places.is_empty() { String::from("none found") } else { one_line(&places.join(", ")) }
}

/// Text of the document inside a comment of ours: it must not begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
