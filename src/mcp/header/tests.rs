use super::*;
use crate::limits::JSON_DEPTH_MAX;

/// What a value says, or the fault it has.
fn says(value: &str) -> Result<String, Fault> {
    decoded(value).map(Cow::into_owned)
}

#[test]
fn values_are_taken_as_they_are_or_out_of_their_base64() {
    for (value, expected) in [
        ("us-west1", Ok("us-west1")),
        ("", Ok("")),
        (" \t us-west1 \t", Ok("us-west1")),
        ("a \t b", Ok("a \t b")),
        ("~!", Ok("~!")),
        ("=?base64?SGVsbG8=?=", Ok("Hello")),
        (" =?base64?SGVsbG8=?= ", Ok("Hello")),
        ("=?base64?SGVsbG8sIOS4lueVjA==?=", Ok("Hello, 世界")),
        ("=?base64?IHBhZGRlZCA=?=", Ok(" padded ")),
        ("=?base64?bGluZTEKbGluZTI=?=", Ok("line1\nline2")),
        (
            "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
            Ok("=?base64?literal?="),
        ),
        ("=?base64??=", Ok("")),
        // Not the whole wrapper, or not in its case.
        ("SGVsbG8=", Ok("SGVsbG8=")),
        ("=?base64?SGVsbG8=", Ok("=?base64?SGVsbG8=")),
        ("SGVsbG8=?=", Ok("SGVsbG8=?=")),
        ("=?BASE64?SGVsbG8=?=", Ok("=?BASE64?SGVsbG8=?=")),
        ("=?base64?=", Ok("=?base64?=")),
        ("x=?base64?SGVsbG8=?=", Ok("x=?base64?SGVsbG8=?=")),
        // Padding missing, too much, too early; letters of no or of another alphabet; bits over.
        ("=?base64?SGVsbG8?=", Err(Fault::Base64)),
        ("=?base64?SGVsbG8==?=", Err(Fault::Base64)),
        ("=?base64?SGVs=bG8?=", Err(Fault::Base64)),
        ("=?base64?SGVs!!!bG8=?=", Err(Fault::Base64)),
        ("=?base64?SGVs bG8=?=", Err(Fault::Base64)),
        ("=?base64?PT9iYXNlNjQ_bGl0ZXJhbD89?=", Err(Fault::Base64)),
        ("=?base64?SGVsbG9=?=", Err(Fault::Base64)),
        ("=?base64?literal?=", Err(Fault::Base64)),
        // Not UTF-8.
        ("=?base64?/w==?=", Err(Fault::Base64)),
        // Characters that no header has.
        ("Zürich", Err(Fault::Characters)),
        ("a\nb", Err(Fault::Characters)),
        ("a\0", Err(Fault::Characters)),
        ("a\u{7f}", Err(Fault::Characters)),
        ("a\u{1f}b", Err(Fault::Characters)),
        // White space of another kind is part of the value, and not allowed.
        ("\u{a0}a", Err(Fault::Characters)),
        ("\ra", Err(Fault::Characters)),
    ] {
        assert_eq!(says(value), expected.map(str::to_string), "{value:?}");
    }
}

#[test]
fn a_name_must_be_there_and_say_what_the_body_says() {
    for (header, body, expected) in [
        (Some("echo"), "echo", None),
        (Some("  echo\t"), "echo", None),
        (Some("=?base64?ZWNobw==?="), "echo", None),
        (Some(""), "", None),
        (None, "echo", Some("Header mismatch: Mcp-Name is missing")),
        (
            Some("ECHO"),
            "echo",
            Some("Header mismatch: Mcp-Name 'ECHO' is not what the body says"),
        ),
        (
            Some(""),
            "echo",
            Some("Header mismatch: Mcp-Name is not what the body says"),
        ),
        // White space that belongs to the name has to come in Base64.
        (
            Some(" echo "),
            " echo ",
            Some("Header mismatch: Mcp-Name ' echo ' is not what the body says"),
        ),
        (
            Some("=?base64?ZWNobw?="),
            "echo",
            Some("Header mismatch: Mcp-Name '=?base64?ZWNobw?=' is not Base64 of UTF-8"),
        ),
        (
            Some("é"),
            "é",
            Some(
                "Header mismatch: Mcp-Name has characters that no header may have; send it as \
                 Base64",
            ),
        ),
    ] {
        let checked = check("Mcp-Name", header, body).map_err(|mismatch| mismatch.to_string());
        assert_eq!(checked.err().as_deref(), expected, "{header:?} {body}");
    }
}

#[test]
fn a_method_is_never_base64() {
    let check = |header, body| {
        let checked = check_literal("Mcp-Method", header, body);
        checked.map_err(|mismatch| mismatch.fault)
    };
    assert_eq!(check(Some("tools/list"), "tools/list"), Ok(()));
    assert_eq!(check(Some(" tools/list "), "tools/list"), Ok(()));
    assert_eq!(check(None, "tools/list"), Err(Fault::Missing));
    assert_eq!(check(Some("TOOLS/LIST"), "tools/list"), Err(Fault::Differs));
    assert_eq!(check(Some("é"), "é"), Err(Fault::Characters));
    let wrapped = "=?base64?dG9vbHMvbGlzdA==?=";
    assert_eq!(check(Some(wrapped), "tools/list"), Err(Fault::Differs));
    assert_eq!(check(Some(wrapped), wrapped), Ok(()));
}

#[test]
fn a_text_for_the_client_shows_no_more_than_the_start_of_a_header() {
    for length in [1, SHOWN_CHARS_MAX, SHOWN_CHARS_MAX + 1, 9000] {
        let sent = "x".repeat(length);
        let text = check("Mcp-Name", Some(&sent), "the body").unwrap_err();
        let text = text.to_string();
        assert!(text.starts_with("Header mismatch: Mcp-Name 'x"), "{text}");
        assert_eq!(text.matches('x').count(), length.min(SHOWN_CHARS_MAX));
        assert!(!text.contains("the body'"), "{text}");
    }
}

/// The arguments with a header as `header path kind`, or what is wrong.
fn found(schema: &str) -> String {
    match header_params(schema) {
        Ok(params) => {
            let shown = params.iter().map(|param| {
                let HeaderParam { header, path, kind } = param;
                format!("{header} {} {kind:?}", path.join("/"))
            });
            shown.collect::<Vec<String>>().join("; ")
        }
        Err(error) => error,
    }
}

#[test]
fn annotations_are_found_where_properties_lead() {
    for (schema, expected) in [
        ("{}", ""),
        ("true", ""),
        (r#"{"type":"object","properties":{}}"#, ""),
        (
            r#"{"type":"object","properties":{
                "region":{"type":"string","x-mcp-header":"Region"},"query":{"type":"string"}}}"#,
            "Mcp-Param-Region region String",
        ),
        (
            r#" {"properties":{"a":{"x-mcp-header":"A!#$%&'*+-.^_`|~09","type":"integer"},
                "b":{"type":"object","properties":{"c":{"x-mcp-header":"b","type":"boolean"}}}}}"#,
            "Mcp-Param-A!#$%&'*+-.^_`|~09 a Integer; Mcp-Param-b b/c Boolean",
        ),
        // Names, which are no keywords.
        (
            r#"{"properties":{"x-mcp-header":{"type":"string"},"properties":{"properties":{
                "properties":{"type":"string","x-mcp-header":"P"}}},
                "items":{"type":"string","x-mcp-header":"I"},"$ref":{"type":"string"}}}"#,
            "Mcp-Param-P properties/properties String; Mcp-Param-I items String",
        ),
        (r#"{"$defs":{"x-mcp-header":{"type":"string"}}}"#, ""),
        // Escapes do not hide it.
        (
            r#"{"propertie\u0073":{"\u0061":{
                "typ\u0065":"strin\u0067","x-mcp\u002dheader":"\u0041"}}}"#,
            "Mcp-Param-A a String",
        ),
        // Values, in which it means nothing.
        (
            r#"{"properties":{"a":{"enum":[{"x-mcp-header":1}],"const":{"x-mcp-header":1},
                "default":{"x-mcp-header":1},"examples":[{"x-mcp-header":1}]}}}"#,
            "",
        ),
        // Nothing that is wrong with the rest of a schema is our concern.
        (
            r#"{"properties":["a"],"$defs":1,"items":[true,null,"a"]}"#,
            "",
        ),
    ] {
        assert_eq!(found(schema), expected, "{schema}");
    }
}

#[test]
fn annotations_elsewhere_make_a_definition_invalid() {
    let annotated = r#"{"type":"string","x-mcp-header":"A"}"#;
    for (schema, place) in [
        ("@", "the schema itself"),
        (r#"{"items":@}"#, "items"),
        (r#"{"properties":{"l":{"items":@}}}"#, "properties.l.items"),
        (
            r#"{"properties":{"l":{"items":{"properties":{"a":@}}}}}"#,
            "properties.l.items.properties.a",
        ),
        (r#"{"prefixItems":[{},@]}"#, "prefixItems"),
        (r#"{"contains":@}"#, "contains"),
        (
            r#"{"oneOf":[{"properties":{"a":@}}]}"#,
            "oneOf.properties.a",
        ),
        (r#"{"anyOf":[@]}"#, "anyOf"),
        (r#"{"allOf":[@]}"#, "allOf"),
        (r#"{"not":@}"#, "not"),
        (r#"{"if":{"properties":{"a":@}}}"#, "if.properties.a"),
        (r#"{"then":@}"#, "then"),
        (r#"{"else":@}"#, "else"),
        (r#"{"$defs":{"d":@}}"#, "$defs.d"),
        (r#"{"definitions":{"d":@}}"#, "definitions.d"),
        (r#"{"dependentSchemas":{"d":@}}"#, "dependentSchemas.d"),
        (r#"{"patternProperties":{"^d":@}}"#, "patternProperties.^d"),
        (r#"{"additionalProperties":@}"#, "additionalProperties"),
        (r#"{"x-other":@}"#, "x-other"),
        (
            r#"{"properties":{"a":{"$ref":"\#/$defs/d"}},"$defs":{"d":{"properties":{"b":@}}}}"#,
            "$defs.d.properties.b",
        ),
    ] {
        let schema = schema.replace("\\#", "#").replace('@', annotated);
        let why = "x-mcp-header may stand where properties alone lead, and not here";
        assert_eq!(found(&schema), format!("{place}: {why}"), "{schema}");
    }
}

#[test]
fn annotations_have_a_good_name_and_a_simple_type() {
    let a = |members: &str| found(&format!(r#"{{"properties":{{"a":{{{members}}}}}}}"#));
    for name in [
        r#""""#,
        r#""a b""#,
        r#""a:""#,
        r#""a\r\nb""#,
        r#""ä""#,
        r#""a/b""#,
        "1",
        "null",
        "{}",
        r#"["A"]"#,
    ] {
        let expected = "properties.a: x-mcp-header must be a name that a header can have";
        assert_eq!(
            a(&format!(r#""type":"string","x-mcp-header":{name}"#)),
            expected,
            "{name}"
        );
    }
    for kind in [
        r#""type":"number","#,
        r#""type":"object","#,
        r#""type":"array","#,
        r#""type":"null","#,
        r#""type":["string","null"],"#,
        r#""enum":["a"],"#,
        "",
    ] {
        let expected = "properties.a: x-mcp-header needs the type string, integer or boolean";
        assert_eq!(
            a(&format!(r#"{kind}"x-mcp-header":"A""#)),
            expected,
            "{kind}"
        );
    }
    for twice in [
        r#""type":"string","x-mcp-header":"A","x-mcp-header":"B""#,
        r#""type":"string","x-mcp-header":"A","type":"integer""#,
    ] {
        let expected = "properties.a: x-mcp-header or type stands twice";
        assert_eq!(a(twice), expected, "{twice}");
    }
}

#[test]
fn annotations_have_a_name_each_whatever_its_case() {
    let schema = r#"{"properties":{"a":{"type":"string","x-mcp-header":"Region"},
        "b":{"properties":{"c":{"type":"string","x-mcp-header":"rEGION"}}}}}"#;
    let expected = "properties.b.properties.c: x-mcp-header has the name of another";
    assert_eq!(found(schema), expected);
}

/// A schema with so many annotations.
fn annotated(count: usize) -> String {
    let members =
        (0..count).map(|n| format!(r#""a{n}":{{"type":"string","x-mcp-header":"A{n}"}}"#));
    let members: Vec<String> = members.collect();
    format!(r#"{{"properties":{{{}}}}}"#, members.join(","))
}

#[test]
fn there_are_no_more_annotations_than_headers() {
    let most = header_params(&annotated(HEADERS_MAX)).unwrap();
    assert_eq!(most.len(), HEADERS_MAX);
    let error = found(&annotated(HEADERS_MAX + 1));
    let expected = "x-mcp-header is one more than a request may have headers";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_schema_may_be_as_deep_as_any_json_and_a_place_is_cut_short() {
    let depth = JSON_DEPTH_MAX / 2 - 1;
    let (open, close) = (r#"{"properties":{"deep":"#, "}}");
    let schema = |kind: &str| {
        let leaf = format!(r#"{{"type":"{kind}","x-mcp-header":"A"}}"#);
        format!("{}{leaf}{}", open.repeat(depth), close.repeat(depth))
    };
    let params = header_params(&schema("string")).unwrap();
    assert_eq!(params[0].path.len(), depth);
    let error = found(&schema("number"));
    let (place, _) = error.split_once(": ").unwrap();
    assert_eq!(place.len(), PLACE_CHARS_MAX);
}

#[test]
fn what_is_no_json_is_refused() {
    for schema in ["{", r#"{"a":}"#, "[1", r#"{"properties":{"a"}}"#] {
        assert!(header_params(schema).is_err(), "{schema}");
    }
}

const SCHEMA: &str = r#"{"properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "size":{"type":"integer","x-mcp-header":"Size"},
    "options":{"properties":{"dry":{"type":"boolean","x-mcp-header":"Dry-Run"}}}}}"#;

/// What is said of a call with these headers: `ok`, or header and fault.
fn call(lines: &[(&str, &str)], arguments: &str) -> String {
    let lines = lines.iter().map(|(name, value)| (*name, value.as_bytes()));
    told(check_params(
        &header_params(SCHEMA).unwrap(),
        lines,
        arguments,
    ))
}

fn told(checked: Result<(), Mismatch>) -> String {
    match checked {
        Ok(()) => "ok".to_string(),
        Err(mismatch) => format!("{} {:?}", mismatch.header, mismatch.fault),
    }
}

#[test]
fn a_value_and_its_header_come_and_go_together() {
    let region = r#"{"region":"eu"}"#;
    for (lines, arguments, expected) in [
        (&[][..], "{}", "ok"),
        (&[], r#"{"region":null}"#, "ok"),
        (&[("Mcp-Param-Region", "eu")], region, "ok"),
        (&[("mcp-param-REGION", "eu")], region, "ok"),
        (&[("Mcp-Param-Region", "=?base64?ZXU=?=")], region, "ok"),
        (
            &[("Mcp-Param-Region", "eu")],
            r#" { "r\u0065gion" : "\u0065u" }"#,
            "ok",
        ),
        (&[("Mcp-Param-Other", "eu"), ("Region", "eu")], "{}", "ok"),
        (&[], region, "Mcp-Param-Region Missing"),
        (&[("Region", "eu")], region, "Mcp-Param-Region Missing"),
        (
            &[("Mcp-Param-Region", "us")],
            region,
            "Mcp-Param-Region Differs",
        ),
        (
            &[("Mcp-Param-Region", "EU")],
            region,
            "Mcp-Param-Region Differs",
        ),
        (
            &[("Mcp-Param-Region", "")],
            region,
            "Mcp-Param-Region Differs",
        ),
        (
            &[("Mcp-Param-Region", "eu")],
            "{}",
            "Mcp-Param-Region Unexpected",
        ),
        (
            &[("Mcp-Param-Region", "")],
            "{}",
            "Mcp-Param-Region Unexpected",
        ),
        (
            &[("Mcp-Param-Region", "null")],
            r#"{"region":null}"#,
            "Mcp-Param-Region Unexpected",
        ),
        (
            &[("Mcp-Param-Region", "=?base64?ZXU?=")],
            region,
            "Mcp-Param-Region Base64",
        ),
        // The same twice says it once.
        (
            &[("Mcp-Param-Region", "eu"), ("mcp-param-region", "eu")],
            region,
            "ok",
        ),
        (
            &[("Mcp-Param-Region", "eu"), ("mcp-param-region", "us")],
            region,
            "Mcp-Param-Region Twice",
        ),
        (
            &[
                ("Mcp-Param-Region", "us"),
                ("x", ""),
                ("Mcp-Param-Region", "eu"),
            ],
            region,
            "Mcp-Param-Region Twice",
        ),
        // A body that says two things: no header says both.
        (
            &[("Mcp-Param-Region", "eu")],
            r#"{"region":"us","region":"eu"}"#,
            "Mcp-Param-Region Differs",
        ),
        (
            &[("Mcp-Param-Region", "")],
            r#"{"region":"\ud800"}"#,
            "Mcp-Param-Region Differs",
        ),
        (
            &[],
            r#"{"region":"a","size":1}"#,
            "Mcp-Param-Region Missing",
        ),
        (
            &[("Mcp-Param-Region", "a")],
            r#"{"region":"a","size":1}"#,
            "Mcp-Param-Size Missing",
        ),
    ] {
        assert_eq!(call(lines, arguments), expected, "{lines:?} {arguments}");
    }
}

#[test]
fn nested_arguments_are_looked_for_at_their_very_path() {
    for (sent, arguments, expected) in [
        (Some("true"), r#"{"options":{"dry":true}}"#, "ok"),
        (
            Some("false"),
            r#"{"dry":true,"options":{"dry":false}}"#,
            "ok",
        ),
        (
            Some("True"),
            r#"{"options":{"dry":true}}"#,
            "Mcp-Param-Dry-Run Differs",
        ),
        (
            Some("1"),
            r#"{"options":{"dry":true}}"#,
            "Mcp-Param-Dry-Run Differs",
        ),
        (
            None,
            r#"{"options":{"dry":false}}"#,
            "Mcp-Param-Dry-Run Missing",
        ),
        (None, r#"{"dry":true}"#, "ok"),
        (None, r#"{"options":{"dry":null}}"#, "ok"),
        (None, r#"{"options":null}"#, "ok"),
        (None, r#"{"options":true}"#, "ok"),
        (None, r#"{"options":[{"dry":true}]}"#, "ok"),
        (
            Some("true"),
            r#"{"options":[{"dry":true}]}"#,
            "Mcp-Param-Dry-Run Unexpected",
        ),
        (
            Some("true"),
            r#"{"dry":true}"#,
            "Mcp-Param-Dry-Run Unexpected",
        ),
    ] {
        let line = sent.map(|value| ("Mcp-Param-Dry-Run", value));
        assert_eq!(call(line.as_slice(), arguments), expected, "{arguments}");
    }
}

#[test]
fn integers_are_compared_by_value_within_the_safe_range() {
    for (sent, body, is_same) in [
        ("42", "42", true),
        ("42.0", "42", true),
        ("42", "42.000", true),
        ("-7", "-7", true),
        ("0", "-0", true),
        ("=?base64?NDI=?=", "42", true),
        ("9007199254740991", "9007199254740991", true),
        ("-9007199254740991", "-9007199254740991.0", true),
        // One apart, where a float would take both for the same.
        ("9007199254740990", "9007199254740991.0", false),
        // Beyond the safe range, even if spelled the same.
        ("9007199254740992", "9007199254740992", false),
        ("-9007199254740992", "-9007199254740992", false),
        ("99999999999999999999", "99999999999999999999", false),
        ("1e400", "1e400", false),
        ("42", "43", false),
        ("42", "-42", false),
        ("42.5", "42", false),
        ("42.5", "42.5", false),
        ("42.", "42", false),
        (".0", "0", false),
        ("+42", "42", false),
        ("--42", "42", false),
        ("0x2a", "42", false),
        ("4_2", "42", false),
        ("", "0", false),
        ("-", "0", false),
        ("forty-two", "42", false),
        ("42 42", "42", false),
    ] {
        let expected = if is_same {
            "ok"
        } else {
            "Mcp-Param-Size Differs"
        };
        let arguments = format!(r#"{{"size":{body}}}"#);
        let line = ("Mcp-Param-Size", sent);
        assert_eq!(call(&[line], &arguments), expected, "{sent} {body}");
    }
}

#[test]
fn arguments_of_another_type_are_held_to_what_their_header_says() {
    for (name, sent, arguments, expected) in [
        ("Region", Some("42"), r#"{"region":42}"#, "ok"),
        ("Region", Some("4.5"), r#"{"region":4.5}"#, "ok"),
        ("Region", Some("true"), r#"{"region":true}"#, "ok"),
        (
            "Region",
            Some("42.0"),
            r#"{"region":42}"#,
            "Mcp-Param-Region Differs",
        ),
        (
            "Region",
            None,
            r#"{"region":42}"#,
            "Mcp-Param-Region Missing",
        ),
        ("Size", Some("42"), r#"{"size":"42"}"#, "ok"),
        (
            "Size",
            Some("42.0"),
            r#"{"size":"42"}"#,
            "Mcp-Param-Size Differs",
        ),
        ("Size", Some("true"), r#"{"size":true}"#, "ok"),
        (
            "Size",
            Some("1"),
            r#"{"size":true}"#,
            "Mcp-Param-Size Differs",
        ),
        ("Size", None, r#"{"size":true}"#, "Mcp-Param-Size Missing"),
        ("Region", None, r#"{"region":["eu"]}"#, "ok"),
        ("Region", None, r#"{"region":{"a":1}}"#, "ok"),
        (
            "Region",
            Some("eu"),
            r#"{"region":["eu"]}"#,
            "Mcp-Param-Region Unexpected",
        ),
        (
            "Region",
            Some("[]"),
            r#"{"region":[]}"#,
            "Mcp-Param-Region Unexpected",
        ),
    ] {
        let header = format!("Mcp-Param-{name}");
        let line = sent.map(|value| (header.as_str(), value));
        assert_eq!(
            call(line.as_slice(), arguments),
            expected,
            "{sent:?} {arguments}"
        );
    }
}

#[test]
fn a_header_that_is_no_text_is_seen_and_refused() {
    let params = header_params(SCHEMA).unwrap();
    let good: (&str, &[u8]) = ("Mcp-Param-Region", b"eu");
    for bytes in [&b"\xff"[..], b"eu\xff", b"\xc3\xa4", b"e\x01u"] {
        let bad = ("Mcp-Param-Region", bytes);
        for lines in [[bad, bad], [good, bad], [bad, good]] {
            let checked = told(check_params(
                &params,
                lines.into_iter(),
                r#"{"region":"eu"}"#,
            ));
            let is_refused = ["Mcp-Param-Region Characters", "Mcp-Param-Region Twice"]
                .contains(&checked.as_str());
            assert!(is_refused, "{lines:?} {checked}");
        }
        let checked = told(check_params(&params, [bad].into_iter(), "{}"));
        assert_ne!(checked, "ok", "{bytes:?}");
    }
}

#[test]
fn headers_are_read_off_a_head() {
    let bytes = b"POST /mcp HTTP/1.1\r\nHost: h\r\nmcp-param-region:  eu \r\n\r\n";
    let head = crate::wire::head::decode(bytes).unwrap().unwrap();
    let check = |arguments| {
        let params = header_params(SCHEMA).unwrap();
        check_params(&params, head.header_lines(), arguments)
    };
    assert_eq!(check(r#"{"region":"eu"}"#), Ok(()));
    let text = check(r#"{"region":"secret"}"#).unwrap_err().to_string();
    let expected = "Header mismatch: Mcp-Param-Region 'eu' is not what the body says";
    assert_eq!(text, expected);
}

#[test]
fn a_tool_without_annotations_looks_at_nothing() {
    let lines = std::iter::from_fn(|| -> Option<(&str, &[u8])> { panic!("a line was read") });
    assert_eq!(check_params(&[], lines, "no json"), Ok(()));
}
