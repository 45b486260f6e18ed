//! What is kept comes back whole or not at all.

use super::{read, write};
use crate::limits::{KEPT_BYTES_MAX, TOOLS_MAX};
use crate::tool::command::{CommandLine, Output};
use crate::upstream::listing::{Entries, Eras, Introduction, Kind, Listing, Offers};
use serde_json::value::RawValue;

const ERAS: Eras = Eras {
    handshake: true,
    stateless: false,
};

fn line(argv: &[&str]) -> CommandLine {
    CommandLine {
        argv: argv.iter().map(|word| word.to_string()).collect(),
        directory: None,
        environment: vec![("TOKEN".to_string(), "secret".to_string())],
        environment_inherit: vec!["PATH".to_string()],
        stdin: None,
        output: Output::Text,
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_string()).unwrap()
}

fn listing() -> Listing {
    Listing {
        introduction: Introduction {
            server_info: Some(raw(r#"{"name":"a","version":"1","title":"A \" }"}"#)),
            instructions: Some("Be\nbrief.".to_string()),
            offers: Offers {
                tools: true,
                tools_changed: true,
                resources: true,
                subscribe: true,
                logging: true,
                ..Offers::default()
            },
        },
        tools: [r#"{"name":"t","inputSchema":{},"new":[1,2]}"#]
            .map(raw)
            .into(),
        resources: [r#"{"uri":"a:b","name":"r"}"#].map(raw).into(),
        templates: Entries::default(),
        prompts: [r#"{"name":"p"}"#, r#"{"name":"q"}"#].map(raw).into(),
    }
}

fn text() -> String {
    String::from_utf8(write(&line(&["a", "b"]), ERAS, &listing())).unwrap()
}

fn read_text(text: &str) -> Option<(Eras, Listing)> {
    read(&line(&["a", "b"]), text.as_bytes())
}

#[test]
fn what_is_kept_comes_back_whole_and_has_no_secrets() {
    let text = text();
    let (eras, back) = read_text(&text).expect("it is sound");
    assert_eq!(eras, ERAS);
    assert_eq!(format!("{back:?}"), format!("{:?}", listing()));
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_text_that_ends_anywhere_else_is_as_if_there_were_none() {
    let text = text();
    for end in 0..text.len() {
        assert!(read_text(&text[..end]).is_none(), "{end}");
    }
    assert!(read(&line(&["a", "b"]), b"\xff").is_none());
    assert!(read_text(&"[".repeat(200)).is_none());
    assert!(read_text(&format!("{text}{}", " ".repeat(KEPT_BYTES_MAX))).is_none());
}

#[test]
fn a_text_of_something_else_is_as_if_there_were_none() {
    let table = [
        (r#""version":1"#, r#""version":2"#),
        (r#""version":1"#, r#""version":1,"version":1"#),
        (r#""handshake":true"#, r#""handshake":false"#),
        (r#""command":""#, r#""command":"0"#),
        (r#""tools":["#, r#""tools":[{"name":"no schema"},"#),
        (r#""tools":["#, r#""tools":[7,"#),
        (r#""prompts":["#, r#""prompts":[[],"#),
        (r#""resourceTemplates":[]"#, r#""resourceTemplates":{}"#),
        (r#","resourceTemplates":[]"#, ""),
    ];
    for (sound, damaged) in table {
        let sound_text = text();
        let damaged_text = sound_text.replacen(sound, damaged, 1);
        assert_ne!(damaged_text, sound_text, "{sound}");
        assert!(read_text(&damaged_text).is_none(), "{damaged}");
    }
}

#[test]
fn every_part_of_the_command_line_counts_but_secrets() {
    let text = text();
    let lines = [
        line(&["a"]),
        line(&["ab"]),
        line(&["a", "b", ""]),
        CommandLine {
            directory: Some("/".to_string()),
            ..line(&["a", "b"])
        },
        CommandLine {
            environment: Vec::new(),
            ..line(&["a", "b"])
        },
        CommandLine {
            environment_inherit: Vec::new(),
            ..line(&["a", "b"])
        },
    ];
    for line in lines {
        assert!(read(&line, text.as_bytes()).is_none(), "{line:?}");
    }
    let other_value = CommandLine {
        environment: vec![("TOKEN".to_string(), "another".to_string())],
        ..line(&["a", "b"])
    };
    assert!(read(&other_value, text.as_bytes()).is_some());
}

#[test]
fn as_many_entries_as_are_read_of_a_child_come_back_and_no_more() {
    let with_tools = |count: usize| {
        let entry = r#"{"name":"t","inputSchema":{}}"#;
        let tools = (0..count).map(|_| raw(entry)).collect();
        let listing = listing().with(Kind::Tools, tools);
        read(&line(&["a"]), &write(&line(&["a"]), ERAS, &listing))
    };
    assert_eq!(with_tools(TOOLS_MAX).unwrap().1.tools.len(), TOOLS_MAX);
    assert!(with_tools(TOOLS_MAX + 1).is_none());
}
