use super::*;
use crate::tool::{Annotations, Background};
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn spec(name: &str, input_schema: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_string(),
        title: None,
        description: format!("Does \"{name}\"."),
        input_schema: RawValue::from_string(input_schema.to_string()).unwrap(),
        output_schema: None,
        annotations: Annotations::default(),
        background: Background::Never,
        icons: None,
    }
}

const ONE: &str = r#"{ "type": "object", "properties": { "a": { "type": "integer" } } }"#;

fn document(needs_token: bool, tools: &[ToolSpec]) -> Value {
    let about = About {
        title: "garage \"pi\"",
        description: Some("Sensors."),
        server_url: "http://garage-pi.local:8000",
        needs_token,
    };
    serde_json::from_slice(&openapi(
        &about,
        tools.iter().map(|spec| (&*spec.name, spec)),
    ))
    .expect("it must be JSON")
}

/// The value that a reference within the document points to.
fn resolve<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference["$ref"]
        .as_str()
        .and_then(|text| text.strip_prefix('#'));
    let pointer = pointer.expect("a reference within the document");
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} is nowhere"))
}

/// Every reference in a value.
fn references(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => {
            let own = members.contains_key("$ref").then_some(value);
            own.into_iter()
                .chain(members.values().flat_map(references))
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn a_tool_becomes_a_post_with_its_schema() {
    let document = document(false, &[spec("vector-search", ONE)]);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "garage \"pi\"");
    assert_eq!(document["info"]["description"], "Sensors.");
    assert_eq!(
        document["servers"],
        json!([{"url": "http://garage-pi.local:8000"}])
    );
    let operation = &document["paths"]["/mcp/tools/vector-search"]["post"];
    assert_eq!(operation["operationId"], "vector_search");
    assert_eq!(operation["summary"], "vector-search");
    assert_eq!(operation["description"], "Does \"vector-search\".");
    let body = &operation["requestBody"];
    assert_eq!(body["required"], true);
    let schema = resolve(&document, &body["content"]["application/json"]["schema"]);
    assert_eq!(*schema, serde_json::from_str::<Value>(ONE).unwrap());
    let codes: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(
        codes,
        ["200", "400", "401", "403", "404", "429", "500", "503"]
    );
}

#[test]
fn every_reference_leads_somewhere() {
    let mut full = spec("full", ONE);
    full.output_schema = Some(RawValue::from_string(ONE.to_string()).unwrap());
    let tools = [full, spec("bare", "{}"), spec("a/b", ONE)];
    let document = document(true, &tools);
    let references = references(&document);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        assert!(resolve(&document, reference).is_object());
    }
}

#[test]
fn a_tool_that_takes_nothing_declares_no_body() {
    let nothing = [
        "{}",
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{ }, "additionalProperties":false}"#,
    ];
    for schema in nothing {
        let document = document(false, &[spec("now", schema)]);
        let operation = &document["paths"]["/mcp/tools/now"]["post"];
        assert!(operation.get("requestBody").is_none(), "{schema}");
        assert!(document["components"]["schemas"].get("now_input").is_none());
    }
}

#[test]
fn the_answer_has_the_schema_of_the_tool_where_it_has_one() {
    let mut tool = spec("facts", "{}");
    tool.title = Some("Facts".to_string());
    tool.output_schema = Some(RawValue::from_string(ONE.to_string()).unwrap());
    let document = document(false, &[tool]);
    let operation = &document["paths"]["/mcp/tools/facts"]["post"];
    assert_eq!(operation["summary"], "Facts");
    let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let parts = answer["allOf"].as_array().unwrap();
    let whole = resolve(&document, &parts[0]);
    assert_eq!(whole["required"], json!(["content"]));
    let structured = resolve(&document, &parts[1]["properties"]["structuredContent"]);
    assert_eq!(structured["properties"]["a"]["type"], "integer");
}

#[test]
fn a_token_is_asked_for_only_where_one_is_needed() {
    let open = document(false, &[]);
    assert!(open.get("security").is_none());
    assert!(open["components"].get("securitySchemes").is_none());
    assert_eq!(open["paths"], json!({}));
    let closed = document(true, &[]);
    assert_eq!(closed["security"], json!([{"token": []}]));
    let scheme = &closed["components"]["securitySchemes"]["token"];
    assert_eq!(*scheme, json!({"type": "http", "scheme": "bearer"}));
}

#[test]
fn operation_ids_are_plain_and_differ() {
    let long = "x".repeat(70);
    let names = [
        "a-b",
        "a.b",
        "a_b",
        "a_b_2",
        "2fast",
        "ü",
        "",
        &long,
        &format!("{long}y"),
    ];
    let tools: Vec<ToolSpec> = names.iter().map(|name| spec(name, "{}")).collect();
    let operations = operations(tools.iter().map(|spec| (&*spec.name, spec)));
    let ids: Vec<&str> = operations
        .iter()
        .map(|operation| operation.id.as_str())
        .collect();
    let cut = "x".repeat(64);
    let numbered = format!("{}_2", "x".repeat(62));
    let expected = [
        "a_b", "a_b_2", "a_b_3", "a_b_2_2", "_2fast", "_", "__2", &cut, &numbered,
    ];
    assert_eq!(ids, expected);
}

#[test]
fn what_has_a_meaning_in_a_path_is_escaped() {
    let cases = [
        ("a-b_c.d~9", "a-b_c.d~9"),
        ("a/b?c#d%", "a%2Fb%3Fc%23d%25"),
        ("{x} ü", "%7Bx%7D%20%C3%BC"),
    ];
    for (name, segment) in cases {
        assert_eq!(path_segment(name), segment);
    }
}

#[test]
fn references_within_a_schema_go_on_to_point_there() {
    let recursive = r##"{"type":"object","properties":{
        "tree":{"$ref":"#/$defs/tree"},"self":{"$ref": "#"},
        "text":{"description":"see \"$ref\":\"#/x\""},
        "far":{"$ref":"https://example.com/x#/y"}},
        "$defs":{"tree":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}"##;
    let tools = [spec("grow", recursive)];
    let document = self::document(false, &tools);
    let schema = &document["components"]["schemas"]["grow_input"];
    let properties = &schema["properties"];
    assert_eq!(resolve(&document, &properties["tree"])["type"], "array");
    assert_eq!(resolve(&document, &properties["self"]), schema);
    assert_eq!(properties["text"]["description"], "see \"$ref\":\"#/x\"");
    assert_eq!(properties["far"]["$ref"], "https://example.com/x#/y");
    // A schema with an identity of its own is what its references are relative to.
    let own = recursive.replacen('{', r#"{"$id":"urn:x","#, 1);
    let grown = self::document(false, &[spec("grow", &own)]);
    let properties = &grown["components"]["schemas"]["grow_input"]["properties"];
    assert_eq!(properties["self"]["$ref"], "#");
}
