use super::*;
use crate::tool::Content;

fn argument(name: &str, kind: Kind) -> Argument {
    Argument {
        name: name.into(),
        kind,
        choices: None,
        default: None,
        required: false,
        description: None,
    }
}

const TEXT: Kind = Kind::String {
    length_min: None,
    length_max: None,
    pattern: None,
};

/// A tool with the arguments `file` and `other` (text) and `count` (whole number), all optional.
fn spec(command: &[&str]) -> CommandSpec {
    CommandSpec {
        name: "head".into(),
        title: None,
        description: "Shows the beginning of a file.".into(),
        command: command.iter().map(|item| item.to_string()).collect(),
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        arguments: vec![
            argument("file", TEXT),
            argument("other", TEXT),
            argument(
                "count",
                Kind::Integer {
                    minimum: None,
                    maximum: None,
                },
            ),
        ],
        output: Output::Text,
        limits: CallLimits::default(),
        annotations: Annotations::default(),
        background: false,
    }
}

fn start(spec: CommandSpec, call: &str) -> Result<CommandLine, String> {
    let tool = CommandTool::new(spec).unwrap();
    match tool.start(&RawValue::from_string(call.to_owned()).unwrap()) {
        Start::Work(Work::Command(line)) => Ok((*line).clone()),
        Start::Done(Outcome {
            content,
            is_error: true,
            ..
        }) => match &content[..] {
            [Content::Text(text)] => Err(text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn argv(command: &[&str], call: &str) -> Result<Vec<String>, String> {
    start(spec(command), call).map(|line| line.argv)
}

#[test]
fn a_value_fills_one_item_whatever_it_holds() {
    let call = r#"{"file":"a b'; $(reboot) \"\n*","count":3}"#;
    assert_eq!(
        argv(&["head", "--lines={count}", "{file}", "{{}}"], call).unwrap(),
        ["head", "--lines=3", "a b'; $(reboot) \"\n*", "{}"]
    );
}

#[test]
fn items_of_absent_arguments_are_left_out() {
    let command = ["head", "{count}", "-n={count}", "{other}:{count}", "end"];
    assert_eq!(argv(&command, "{}").unwrap(), ["head", "end"]);
    assert_eq!(argv(&command, r#"{"other":""}"#).unwrap(), ["head", "end"]);
    let all = ["head", "1", "-n=1", ":1", "end"];
    assert_eq!(argv(&command, r#"{"other":"","count":1}"#).unwrap(), all);
}

#[test]
fn a_made_up_dash_never_begins_an_item() {
    for (command, call) in [
        (&["head", "{file}"][..], r#"{"file":"-rf"}"#),
        (&["head", "{file}"], r#"{"file":"-"}"#),
        (&["head", "{file}.txt"], r#"{"file":"--x"}"#),
        (&["head", "{other}{file}"], r#"{"other":"","file":"-x"}"#),
        (
            &["head", "{count}", "{file}"],
            r#"{"count":-5,"file":"-x"}"#,
        ),
        (
            &["head", "{other}", "{file}"],
            r#"{"other":"x","file":"-x"}"#,
        ),
        (&["head", "{file}", "--"], r#"{"file":"-x"}"#),
    ] {
        let refusal = argv(command, call).unwrap_err();
        assert!(
            refusal.contains(r#"argument "file": must not begin with "-""#),
            "{refusal}"
        );
        assert!(refusal.starts_with("head was not run."), "{refusal}");
    }
}

#[test]
fn a_dash_is_fine_where_the_operator_has_thought_of_it() {
    for (command, call) in [
        (&["head", "--", "{file}"][..], r#"{"file":"-rf"}"#),
        (&["head", "--", "x", "{file}"], r#"{"file":"-rf"}"#),
        (&["head", "--file={file}"], r#"{"file":"-rf"}"#),
        (&["head", "{count}"], r#"{"count":-5}"#),
        (&["head", "{file}"], r#"{"file":"a-b"}"#),
    ] {
        assert!(argv(command, call).is_ok(), "{command:?} {call}");
    }
    let pattern = Some("-[a-z]".to_owned());
    let meant = [
        Argument {
            kind: Kind::String {
                length_min: None,
                length_max: None,
                pattern,
            },
            ..argument("file", TEXT)
        },
        Argument {
            choices: Some(vec![
                Scalar::Text("-x".to_owned()),
                Scalar::Text("y".to_owned()),
            ]),
            ..argument("file", TEXT)
        },
        Argument {
            default: Some(Scalar::Text("-x".to_owned())),
            ..argument("file", TEXT)
        },
    ];
    for file in meant {
        let mut spec = spec(&["head", "{file}"]);
        spec.arguments[0] = file;
        assert_eq!(
            start(spec, r#"{"file":"-x"}"#).unwrap().argv,
            ["head", "-x"]
        );
    }
}

#[test]
fn a_double_dash_from_the_caller_ends_no_options() {
    let call = r#"{"other":"x","file":"-x"}"#;
    assert!(argv(&["head", "--{other}", "{file}"], call).is_err());
    let call = r#"{"other":"","file":"-x"}"#;
    assert!(argv(&["head", "--{other}", "{file}"], call).is_err());
}

#[test]
fn environment_stdin_and_directory_take_values_too() {
    let mut spec = spec(&["head"]);
    spec.environment = vec![
        ("FIXED".into(), "1".into()),
        ("FILE".into(), "<{file}>".into()),
        ("COUNT".into(), "{count}".into()),
    ];
    spec.environment_inherit = vec!["HOME".into()];
    spec.stdin = Some("{{{file}}}\n".into());
    spec.directory = Some("/srv/{other}".into());
    let line = start(spec.clone(), r#"{"file":"-a","other":"b"}"#).unwrap();
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        line.environment,
        [variable("FIXED", "1"), variable("FILE", "<-a>")]
    );
    assert_eq!(line.environment_inherit, ["HOME"]);
    assert_eq!(line.stdin.as_deref(), Some("{-a}\n"));
    assert_eq!(line.directory.as_deref(), Some("/srv/b"));
    let line = start(spec, "{}").unwrap();
    assert_eq!((line.stdin, line.directory), (None, None));
    assert_eq!(line.environment, [variable("FIXED", "1")]);
}

#[test]
fn wrong_arguments_are_told_all_at_once_and_nothing_runs() {
    let refusal = argv(&["head", "{file}"], r#"{"file":1,"lines":2}"#).unwrap_err();
    let expected = "head was not run. argument \"file\": expected a string, got 1\n\
                    unknown: \"lines\"; the tool takes file, other, count";
    assert_eq!(refusal, expected);
}

#[test]
fn a_tool_that_could_not_run_is_refused_with_the_reason() {
    let mut media = spec(&["head"]);
    media.output = Output::Media("application/pdf".into());
    let mut pattern = spec(&["head"]);
    let wrong = Some("(".to_owned());
    pattern.arguments[0].kind = Kind::String {
        length_min: None,
        length_max: None,
        pattern: wrong,
    };
    let mut variable = spec(&["head"]);
    variable.environment = vec![("A=B".into(), "1".into())];
    let mut path = spec(&["head"]);
    path.environment = vec![("PATH".into(), "/bin:{file}".into())];
    for (spec, reason) in [
        (path, "PATH"),
        (spec(&[]), "no program"),
        (spec(&[""]), "without placeholders"),
        (spec(&["{file}"]), "without placeholders"),
        (spec(&["head", "{files}"]), "\"files\""),
        (spec(&["head", "{"]), "partner"),
        (spec(&["head", "\0"]), "NUL"),
        (media, "application/pdf"),
        (pattern, "cannot be used"),
        (variable, "\"A=B\""),
    ] {
        let error = CommandTool::new(spec).err().unwrap();
        assert!(error.contains(reason), "{error}");
    }
}
