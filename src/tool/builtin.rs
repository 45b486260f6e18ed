//! Tools that need no configuration: `echo`, `system-info` and `task-status`.

pub mod facts;

use super::{Annotations, Background, Outcome, ServerTask, Start, Tool, ToolSpec, Work};
use crate::wire::json;
use serde_json::value::RawValue;
use std::rc::Rc;

/// Says what it is told: the cheapest call there is, for trying out a client and for measuring.
pub struct Echo {
    spec: ToolSpec,
}

const ECHO_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"text":{"type":"string","#,
    r#""description":"What to say."}},"required":["text"],"additionalProperties":false}"#
);

impl Echo {
    /// The tool as `tools/list` shows it.
    pub fn new() -> Echo {
        Echo {
            spec: ToolSpec {
                name: "echo".to_owned(),
                title: Some("Echo".to_owned()),
                description: "Returns the text it is given.".to_owned(),
                input_schema: schema(ECHO_SCHEMA),
                output_schema: None,
                annotations: READS_THIS_MACHINE,
                background: Background::Never,
                icons: None,
            },
        }
    }
}

impl Default for Echo {
    fn default() -> Echo {
        Echo::new()
    }
}

impl Tool for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// One allocation for the text and one for the list that holds it.
    fn start(&self, arguments: &RawValue) -> Start {
        let given = json::pick_only(arguments.get(), ["text"]);
        let text = given.ok().and_then(|[text]| json::text(text?));
        Start::Done(match text {
            Some(text) => Outcome::text(text),
            None => Outcome::error(ECHO_WRONG),
        })
    }
}

const ECHO_WRONG: &str =
    r#"echo was not run: it takes {"text": "..."}, a string, and nothing else"#;

/// Tells how this machine is: name, load, memory, disks, temperatures.
pub struct SystemInfo {
    spec: ToolSpec,
}

const NO_ARGUMENTS_SCHEMA: &str =
    r#"{"type":"object","properties":{},"additionalProperties":false}"#;

impl SystemInfo {
    /// The tool as `tools/list` shows it.
    pub fn new() -> SystemInfo {
        SystemInfo {
            spec: ToolSpec {
                name: "system-info".to_owned(),
                title: Some("System information".to_owned()),
                description: "Tells how the machine that hosts these tools is: name, model, \
                              kernel, uptime, load, memory, disk space and temperatures."
                    .to_owned(),
                input_schema: schema(NO_ARGUMENTS_SCHEMA),
                output_schema: Some(schema(facts::SCHEMA)),
                annotations: READS_THIS_MACHINE,
                background: Background::Never,
                icons: None,
            },
        }
    }
}

impl Default for SystemInfo {
    fn default() -> SystemInfo {
        SystemInfo::new()
    }
}

impl Tool for SystemInfo {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// Arguments that it does not know make no difference to what it tells, so it tells it.
    fn start(&self, _: &RawValue) -> Start {
        Start::Work(Work::SystemInfo)
    }
}

/// Tells how the caller's tasks are, for clients that have no other way to ask, and how those of
/// the server are.
pub struct TaskStatus {
    spec: ToolSpec,
    server: Option<TellTask>,
}

/// How a task of the server is now.
pub type TellTask = Rc<dyn Fn() -> ServerTask>;

/// What the answer to a call in the background tells the model to call.
pub const TASK_STATUS: &str = "task-status";

const TASK_STATUS_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"id":{"type":"string","#,
    r#""description":"The id of a task. Without it your tasks are listed."}},"#,
    r#""additionalProperties":false}"#
);

/// One task has the members of a task, and a list has them in each of `tasks`.
const TASK_STATUS_OUTPUT_SCHEMA: &str = concat!(
    r##"{"type":"object","anyOf":[{"required":["tasks"]},{"required":["taskId","status"]}],"##,
    r##""properties":{"tasks":{"type":"array","items":{"type":"object","##,
    r##""required":["taskId","status"],"properties":{"taskId":{"type":"string"},"##,
    r##""status":{"type":"string"}}}},"taskId":{"type":"string"},"status":{"type":"string","##,
    r##""enum":["working","input_required","completed","failed","cancelled"]},"##,
    r##""statusMessage":{"type":"string"},"tool":{"type":"string"},"##,
    r##""createdAt":{"type":"string"},"lastUpdatedAt":{"type":"string"},"##,
    r##""progress":{"type":"integer"},"total":{"type":"integer"},"result":{"type":"object"}}}"##
);

impl TaskStatus {
    /// The tool as `tools/list` shows it.
    pub fn new() -> TaskStatus {
        TaskStatus {
            spec: ToolSpec {
                name: TASK_STATUS.to_owned(),
                title: Some("Task status".to_owned()),
                description: "Tells how a task is that a tool has started in the background: its \
                              state, its progress and, once it is finished, its result. Without \
                              an id it lists your tasks."
                    .to_owned(),
                input_schema: schema(TASK_STATUS_SCHEMA),
                output_schema: Some(schema(TASK_STATUS_OUTPUT_SCHEMA)),
                annotations: READS_THIS_MACHINE,
                background: Background::Never,
                icons: None,
            },
            server: None,
        }
    }

    /// The same, which tells of a task of the server too.
    pub fn with_server(server: TellTask) -> TaskStatus {
        TaskStatus {
            server: Some(server),
            ..TaskStatus::new()
        }
    }

    /// How the task with this id is.
    fn tell(&self, id: String) -> Start {
        let task = self.server.as_ref().map(|server| server());
        match task.filter(|task| task.id == id) {
            Some(task) => Start::Done(Outcome {
                structured: Some(task.described),
                ..Outcome::text(task.line)
            }),
            None => Start::TaskStatus(id),
        }
    }
}

/// Adds `task-status` where a tool works in the background for every client, and none of the name
/// is there.
pub fn with_task_status(mut tools: Vec<Rc<dyn Tool>>) -> Vec<Rc<dyn Tool>> {
    let is_wanted = |tool: &Rc<dyn Tool>| tool.spec().background == Background::Always;
    let is_there = |tool: &Rc<dyn Tool>| tool.spec().name == TASK_STATUS;
    if tools.iter().any(is_wanted) && !tools.iter().any(is_there) {
        tools.push(Rc::new(TaskStatus::new()));
    }
    tools
}

impl Default for TaskStatus {
    fn default() -> TaskStatus {
        TaskStatus::new()
    }
}

impl Tool for TaskStatus {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let given = json::pick_only(arguments.get(), ["id"]);
        let Ok([id]) = given.map(|given| given.map(json::said)) else {
            return Start::Done(Outcome::error(TASK_STATUS_WRONG));
        };
        match id.map(json::text) {
            None => Start::TaskList(self.server.iter().map(|server| server()).collect()),
            Some(Some(id)) => self.tell(id.into_owned()),
            Some(None) => Start::Done(Outcome::error(TASK_STATUS_WRONG)),
        }
    }
}

const TASK_STATUS_WRONG: &str =
    r#"task-status was not run: it takes {"id": "..."}, a string, or {}, and nothing else"#;

/// Changes nothing, and reaches nothing beyond this machine.
pub(crate) const READS_THIS_MACHINE: Annotations = Annotations {
    read_only: Some(true),
    destructive: Some(false),
    idempotent: Some(true),
    open_world: Some(false),
};

/// A schema that is written in the program.
pub(crate) fn schema(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("a test parses every schema written here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Content;

    fn echo(arguments: &str) -> Outcome {
        let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
        match Echo::new().start(&arguments) {
            Start::Done(outcome) => outcome,
            start => panic!("echo needs no {start:?}"),
        }
    }

    #[test]
    fn echo_says_what_it_is_told() {
        for (arguments, said) in [
            (r#"{"text":"hi"}"#, "hi"),
            (r#"{"text":""}"#, ""),
            (
                r#"{ "text" : "a\n\"b\" \u00fc \ud83d\ude00" }"#,
                "a\n\"b\" ü 😀",
            ),
        ] {
            assert_eq!(echo(arguments), Outcome::text(said));
        }
    }

    #[test]
    fn echo_says_what_is_wrong_with_its_arguments() {
        for arguments in [
            "{}",
            r#"{"text":5}"#,
            r#"{"text":null}"#,
            r#"{"text":"a","volume":3}"#,
            r#"{"text":"a","text":"b"}"#,
            "[]",
            "7",
        ] {
            let outcome = echo(arguments);
            let [Content::Text(text)] = &outcome.content[..] else {
                panic!("{outcome:?}")
            };
            assert!(outcome.is_error, "{arguments}");
            assert!(text.contains(r#"it takes {"text": "..."}"#), "{text}");
        }
    }

    #[test]
    fn task_status_takes_an_id_or_nothing() {
        let start = |arguments: &str| {
            let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
            TaskStatus::new().start(&arguments)
        };
        for arguments in ["{}", r#"{"id":null}"#] {
            let start = start(arguments);
            assert!(
                matches!(&start, Start::TaskList(of) if of.is_empty()),
                "{start:?}"
            );
        }
        let one = start(r#"{"id":"a\u0062"}"#);
        assert!(
            matches!(&one, Start::TaskStatus(id) if id == "ab"),
            "{one:?}"
        );
        for arguments in [r#"{"id":7}"#, r#"{"task":"a"}"#, "[]"] {
            let Start::Done(outcome) = start(arguments) else {
                panic!("{arguments}")
            };
            assert!(outcome.is_error, "{arguments}");
        }
    }

    #[test]
    fn tasks_of_the_server_are_told_of_to_everybody() {
        let task = ServerTask {
            id: "tide",
            line: "The tide comes in.".to_string(),
            described: r#"{"taskId":"tide","status":"working"}"#.to_string(),
        };
        let told = task.clone();
        let tool = TaskStatus::with_server(Rc::new(move || told.clone()));
        let start = |arguments: &str| {
            let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
            tool.start(&arguments)
        };
        let Start::Done(outcome) = start(r#"{"id":"tide"}"#) else {
            panic!("it is the server's");
        };
        assert_eq!(outcome.said(), task.line);
        assert_eq!(outcome.structured.as_ref(), Some(&task.described));
        assert!(matches!(start(r#"{"id":"ebb"}"#), Start::TaskStatus(_)));
        assert!(matches!(start("{}"), Start::TaskList(of) if of == [task]));
        json::check(TASK_STATUS_OUTPUT_SCHEMA).unwrap();
    }

    #[test]
    fn system_info_asks_the_edge_whatever_its_arguments() {
        for arguments in ["{}", r#"{"verbose":true}"#] {
            let arguments = RawValue::from_string(arguments.to_owned()).unwrap();
            let start = SystemInfo::new().start(&arguments);
            assert!(matches!(start, Start::Work(Work::SystemInfo)), "{start:?}");
        }
    }
}
