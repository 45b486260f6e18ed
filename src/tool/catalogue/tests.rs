use super::*;
use crate::mcp::message::{CompletionParams, GetPromptParams, Params};
use crate::tool::Content;

fn text(object: Vec<u8>) -> String {
    String::from_utf8(object).unwrap()
}

fn full_spec() -> ResourceSpec {
    ResourceSpec {
        title: Some("A \"title\"".into()),
        description: Some("Does it.".into()),
        mime_type: Some("text/plain".into()),
        size: Some(7),
        hints: Hints {
            audience: vec![Role::User, Role::Assistant],
            priority: Some(5),
            last_modified: Some("2026-11-21T08:00:00Z".into()),
        },
        ..ResourceSpec::new("t://a", "a")
    }
}

#[test]
fn a_resource_is_listed_with_all_that_is_known_of_it() {
    let bare = Resource::new("t://a", "a", Source::text(""));
    assert_eq!(text(bare.entry().end()), r#"{"uri":"t://a","name":"a"}"#);
    let full = concat!(
        r#""name":"a","title":"A \"title\"","description":"Does it.","mimeType":"text/plain","#,
        r#""size":7,"annotations":{"audience":["user","assistant"],"priority":0.05,"#,
        r#""lastModified":"2026-11-21T08:00:00Z"}}"#
    );
    let entry = text(full_spec().entry("uri").end());
    assert_eq!(entry, format!("{{\"uri\":\"t://a\",{full}"));
    let mut link = Vec::new();
    Content::Link(Box::new(full_spec())).encode(&mut link);
    let link = text(link);
    assert_eq!(link, entry.replace("}}", "},\"type\":\"resource_link\"}"));
}

#[test]
fn a_template_is_listed_by_its_pattern() {
    let spec = ResourceSpec::new("t://{id}", "of an id");
    let template = ResourceTemplate::new(spec, Source::text("")).unwrap();
    let entry = r#"{"uriTemplate":"t://{id}","name":"of an id"}"#;
    assert_eq!(text(template.entry().end()), entry);
    let wrong = ResourceTemplate::new(ResourceSpec::new("t://", "x"), Source::text(""));
    assert!(wrong.unwrap_err().contains("no variable"));
}

#[test]
fn importance_is_said_as_a_fraction() {
    for (priority, expected) in [
        (0, "0.00"),
        (9, "0.09"),
        (50, "0.50"),
        (99, "0.99"),
        (100, "1"),
        (255, "1"),
    ] {
        let hints = Hints {
            priority: Some(priority),
            ..Hints::default()
        };
        let expected = format!("{{\"priority\":{expected}}}");
        assert_eq!(text(hints.encode()), expected);
        serde_json::from_str::<serde_json::Value>(&expected).expect("it must be JSON");
    }
}

#[test]
fn pages_follow_each_other_and_end() {
    let list: Vec<String> = (0..2 * limits::PAGE_ENTRIES_MAX + 1)
        .map(|number| number.to_string())
        .collect();
    let entry = |place: usize| Object::default().text("n", &list[place]);
    let page = |cursor: Option<&str>| super::page("list", list.len(), &entry, cursor).map(text);
    let mut cursor: Option<String> = None;
    let mut seen = Vec::new();
    loop {
        let page: serde_json::Value =
            serde_json::from_str(&page(cursor.as_deref()).unwrap()).unwrap();
        for entry in page["list"].as_array().unwrap() {
            seen.push(entry["n"].as_str().unwrap().to_string());
        }
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.as_str().unwrap().to_string()),
            None => break,
        }
    }
    assert_eq!(seen, list);
    for bad in ["0", "1", "", "x", "300", "-100", "+100", "100 "] {
        assert_eq!(page(Some(bad)), None, "{bad}");
    }
    let empty = super::page("list", 0, &entry, None);
    assert_eq!(empty.map(text).as_deref(), Some("{\"list\":[]}"));
}

fn greeting() -> Catalogue {
    let argument = PromptArgument {
        name: "who".into(),
        required: true,
        completion: Completion::Values(["Ada", "Alan", "Bob"].map(String::from).into()),
        ..PromptArgument::default()
    };
    let messages = vec![PromptMessage::user("Greet {who} {x} {")];
    let prompt = Prompt {
        arguments: vec![argument],
        ..Prompt::new("greet", Messages::Fixed(messages))
    };
    Catalogue {
        prompts: vec![prompt],
        ..Catalogue::default()
    }
}

#[test]
fn a_prompt_is_filled_once_and_unknown_braces_stay() {
    let params = r#"{"name":"greet","arguments":{"who":"Bob","who":"{x}"}}"#;
    let params = GetPromptParams::read(params).unwrap();
    let message = PromptMessage::user("Greet {who} {x} {");
    let filled = text(message.filled(&params.arguments).encode().end());
    let expected = r#"{"role":"user","content":{"type":"text","text":"Greet {x} {x} {"}}"#;
    assert_eq!(filled, expected);
    let body = Body::Text(r#"{"of":"{who}"}"#.into());
    let contents = Contents {
        uri: "t://{who}".into(),
        ..Contents::of(body)
    };
    let message = PromptMessage::new(Role::Assistant, Content::Resource(contents));
    let filled = text(message.filled(&params.arguments).encode().end());
    let expected = concat!(
        r#"{"role":"assistant","content":{"type":"resource","#,
        r#""resource":{"uri":"t://{x}","text":"{\"of\":\"{x}\"}"}}}"#
    );
    assert_eq!(filled, expected);
}

#[test]
fn an_argument_that_is_left_out_leaves_no_braces() {
    let prompt = Prompt::new("greet", Messages::Fixed(Vec::new()))
        .takes("who", "Whom.")
        .takes("tone", "How.");
    let params = r#"{"name":"greet","arguments":{"who":"Bob"}}"#;
    let mut arguments = GetPromptParams::read(params).unwrap().arguments;
    prompt.blank_absent(&mut arguments);
    let message = PromptMessage::user("Greet {who}{tone}{x}.");
    let filled = text(message.filled(&arguments).encode().end());
    let expected = r#"{"role":"user","content":{"type":"text","text":"Greet Bob{x}."}}"#;
    assert_eq!(filled, expected);
}

#[test]
fn only_a_required_argument_is_missed() {
    let mut catalogue = greeting();
    let nothing = Arguments::default();
    assert_eq!(catalogue.prompts[0].missing(&nothing), Some("who"));
    catalogue.prompts[0].arguments[0].required = false;
    assert_eq!(catalogue.prompts[0].missing(&nothing), None);
}

fn offered(catalogue: &Catalogue, reference: &str, name: &str) -> Result<&'static str, String> {
    let params = format!(
        r#"{{"ref":{reference},"argument":{{"name":"{name}","value":"A"}},"context":{{}}}}"#
    );
    let params = CompletionParams::read(&params).unwrap();
    let offered = catalogue.offered(&params)?;
    Ok(match offered.completion {
        Completion::None => "none",
        Completion::Values(_) => "values",
        Completion::Live(_) => "live",
    })
}

#[test]
fn completion_is_offered_for_what_is_there() {
    let mut catalogue = greeting();
    assert!(catalogue.has_completions());
    let spec = ResourceSpec::new("t://{id}/{b}", "of an id");
    let mut template = ResourceTemplate::new(spec, Source::text("")).unwrap();
    template.completions = vec![("id".into(), Completion::Values(Vec::new()))];
    catalogue.templates.push(template);
    let prompt = r#"{"type":"ref/prompt","name":"greet"}"#;
    let template = r#"{"type":"ref/resource","uri":"t://{id}/{b}"}"#;
    assert_eq!(offered(&catalogue, prompt, "who"), Ok("values"));
    assert_eq!(offered(&catalogue, template, "id"), Ok("values"));
    assert_eq!(offered(&catalogue, template, "b"), Ok("none"));
    for (reference, name) in [
        (prompt, "x"),
        (template, "x"),
        (r#"{"type":"ref/prompt","name":"x"}"#, "who"),
        (r#"{"type":"ref/resource","uri":"t://1/2"}"#, "id"),
    ] {
        assert!(offered(&catalogue, reference, name).is_err(), "{reference}");
    }
    catalogue.prompts[0].arguments[0].completion = Completion::None;
    catalogue.templates[0].completions.clear();
    assert!(!catalogue.has_completions());
}

#[test]
fn completions_are_cut_at_the_protocols_bound_and_say_so() {
    let values = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>();
    let most = limits::COMPLETIONS_MAX;
    for (encoded, sent, rest) in [
        (
            encode_values(&values(0), "a"),
            0,
            r#""total":0,"hasMore":false"#,
        ),
        (
            encode_values(&values(3), "b"),
            0,
            r#""total":0,"hasMore":false"#,
        ),
        (
            encode_values(&values(3), "a1"),
            1,
            r#""total":1,"hasMore":false"#,
        ),
        (
            encode_values(&values(most), ""),
            most,
            r#""total":100,"hasMore":false"#,
        ),
        (
            encode_values(&values(most + 1), ""),
            most,
            r#""total":101,"hasMore":true"#,
        ),
        (
            Values::all(values(most)).encode(),
            most,
            r#""total":100,"hasMore":false"#,
        ),
        (
            Values::all(values(most + 1)).encode(),
            most,
            r#""total":101,"hasMore":true"#,
        ),
    ] {
        let encoded = text(encoded);
        let end = format!("{rest}}}}}");
        assert!(encoded.ends_with(&end), "{encoded}");
        assert_eq!(encoded.matches("\"a").count(), sent, "{encoded}");
    }
    let unknown = Values {
        has_more: true,
        ..Values::all(values(1))
    };
    let expected = r#"{"completion":{"values":["a0"],"hasMore":true}}"#;
    assert_eq!(text(unknown.encode()), expected);
    let known = Values {
        total: Some(5),
        ..Values::all(values(1))
    };
    let expected = r#"{"completion":{"values":["a0"],"total":5,"hasMore":true}}"#;
    assert_eq!(text(known.encode()), expected);
}

#[test]
fn a_uri_or_name_that_stands_twice_is_named() {
    let resource = |uri: &str| Resource::new(uri, "a", Source::text(""));
    let mut catalogue = greeting();
    catalogue.resources = vec![resource("t://a"), resource("t://b")];
    assert_eq!(catalogue.check(), Ok(()));
    catalogue.resources.push(resource("t://a"));
    assert_eq!(catalogue.check(), Err(Unfit::Uri("t://a".into())));
    catalogue.resources.clear();
    let twin = catalogue.prompts[0].clone();
    catalogue.prompts.push(twin);
    assert_eq!(catalogue.check(), Err(Unfit::Prompt("greet".into())));
}

#[test]
fn fingerprints_follow_what_is_listed() {
    let resource = |name: &str, says: &str| Resource::new("t://a", name, Source::text(says));
    let of = |resources: Vec<Resource>| {
        let catalogue = Catalogue {
            resources,
            ..Catalogue::default()
        };
        (
            catalogue.resources_fingerprint(),
            catalogue.prompts_fingerprint(),
        )
    };
    let one = of(vec![resource("a", "x")]);
    assert_eq!(one, of(vec![resource("a", "y")]));
    assert_ne!(one.0, of(vec![resource("b", "x")]).0);
    assert_ne!(one.0, of(Vec::new()).0);
    assert_eq!(one.1, of(Vec::new()).1);
    assert_ne!(one.1, greeting().prompts_fingerprint());
}

#[test]
fn bytes_are_text_or_base64() {
    assert_eq!(Body::of("ü".into()), Body::Text("ü".into()));
    assert_eq!(Body::of(Vec::new()), Body::Text(String::new()));
    assert_eq!(Body::of(vec![0xff, 0]), Body::Blob("/wA=".into()));
}
