//! Drafts from OpenAPI documents: they parse as catalogue entries, and nothing passes before a person has decided.

use serde_json::json;
use sluice_config::openapi::{OpenApiError, operations};
use sluice_domain::ResourceCode;
use toml::Table;

fn draft(document: &serde_json::Value) -> Result<String, OpenApiError> {
    operations(&document.to_string(), &ResourceCode::new("301002001/000021").unwrap())
}

#[test]
fn each_operation_is_drafted_with_what_is_left_to_decide() {
    let document = json!({
        "openapi": "3.0.3",
        "info": {"title": "登记", "version": "1"},
        "servers": [{"url": "https://bdc.example/api\n[[grants]]"}],
        "paths": {
            "/orders/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "get": {
                    "operationId": "readOrder", "summary": "读取\n[[grants]]",
                    "parameters": [{"name": "year", "in": "query"}, {"name": "X-Trace", "in": "header"}],
                    "responses": {
                        "200": {"content": {"application/json; charset=utf-8": {}, "application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                        "404": {}, "401": {}, "default": {}
                    }
                },
                "put": {
                    "operationId": "订单", "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                    "responses": {"204": {}}
                },
                "head": {}
            },
            "/reports/{name}.pdf": {"get": {}}
        },
        "components": {
            "parameters": {"Id": {"name": "id", "in": "path"}},
            "schemas": {"Order": {"properties": {"owner": {"properties": {"id": {"type": "string"}}}, "lines": {"items": {"properties": {"a/b": {}}}}, "self": {"$ref": "#/components/schemas/Order"}}}}
        }
    });
    let drafted = draft(&document).unwrap();
    let table: Table = drafted.parse().unwrap_or_else(|error| panic!("{error}\n{drafted}"));
    let drafts = table["resources"]["operations"].as_array().unwrap();
    assert_eq!(drafts.len(), 2, "{drafted}");
    let (read, write) = (drafts[0].as_table().unwrap(), drafts[1].as_table().unwrap());
    assert_eq!((read["id"].as_str(), read["path"].as_str()), (Some("readOrder"), Some("/orders/{id}")));
    assert_eq!(read["query"].as_array().unwrap().len(), 1);
    assert_eq!(read["statuses"].as_array().unwrap(), &[404.into()]);
    assert_eq!((write["id"].as_str(), write["safe"].as_bool()), (Some("put.orders.id"), Some(false)));
    assert_eq!(write["request_types"].as_array().unwrap(), &["application/json".into()]);
    assert!(drafts.iter().all(|draft| draft["items"].as_array().unwrap().is_empty()), "a person decides");
    for line in ["places: path:id, query:year", "/owner/id", "/lines/*/a~1b", "left out"] {
        assert!(drafted.contains(line), "{line}\n{drafted}");
    }
}

#[test]
fn other_documents_are_refused() {
    assert_eq!(draft(&json!({"swagger": "2.0", "paths": {"/a": {}}})), Err(OpenApiError::NotOpenApi));
    assert_eq!(draft(&json!({"openapi": "3.1.0"})), Err(OpenApiError::Empty));
    let code = ResourceCode::new("301002001/000021").unwrap();
    assert_eq!(operations("openapi: 3.0.0", &code), Err(OpenApiError::NotJson { line: 1, column: 1 }));
}
