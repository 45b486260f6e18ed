//! The tools that ask what is known.
//!
//! Whoever knows is elsewhere, and answers when it has the time: a call waits for it as for any
//! function, with its deadline and its cancellation.

use super::answer::{self, DECISIONS_SCHEMA, Decision, Found, Frame, HITS_SCHEMA};
use super::query::{self, Asked, Query, Read};
use crate::tool::builtin::{READS_THIS_MACHINE, schema};
use crate::tool::handler::{Begin, Ended};
use crate::tool::{Background, Outcome, Start, Tool, ToolSpec, Work};
use serde_json::value::RawValue;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// An answer that is waited for.
pub type Answering = Pin<Box<dyn Future<Output = Found>>>;

/// Whoever knows what is in the folders.
pub trait Known {
    /// Asks.
    fn ask(&self, query: Query) -> Answering;

    /// Files that are known and files that there are, while the index is incomplete.
    fn incomplete(&self) -> Option<(u32, u32)>;
}

/// The name of the tool that finds sections of documents.
pub const KNOWLEDGE_SEARCH: &str = "knowledge-search";

/// The name of the tool that finds code.
pub const VECTOR_SEARCH: &str = "vector-search";

/// The name of the tool that lists decisions.
pub const ADR_LIST: &str = "adr-list";

/// The names of all tools of this kind, in the order in which they are listed.
pub const NAMES: [&str; 3] = [KNOWLEDGE_SEARCH, VECTOR_SEARCH, ADR_LIST];

const KNOWLEDGE_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"query":{"type":"string","description":"#,
    r#""Words to look for, or a question."},"limit":{"type":"integer","minimum":1,"#,
    r#""maximum":50,"default":10,"description":"Hits at most."}},"#,
    r#""required":["query"],"additionalProperties":false}"#
);

const CODE_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"query":{"type":"string","description":"#,
    r#""What the code does, in words, or names that are in it."},"limit":{"type":"integer","#,
    r#""minimum":1,"maximum":50,"default":10,"description":"Hits at most."},"#,
    r#""language":{"type":"string","description":"Only code in this language, such as rust."}},"#,
    r#""required":["query"],"additionalProperties":false}"#
);

const ADR_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"status":{"type":"string","description":"#,
    r#""Only decisions of this status, such as accepted, proposed or superseded."},"#,
    r#""query":{"type":"string","description":"Only decisions about this."}},"#,
    r#""additionalProperties":false}"#
);

/// What makes one of the tools.
struct Shape {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    input_schema: &'static str,
    output_schema: &'static str,
    read: Read,
}

const SHAPES: [Shape; NAMES.len()] = [
    Shape {
        name: KNOWLEDGE_SEARCH,
        title: "Search documents",
        description: "Searches the documents, notes and decision records on this machine and \
                      gives the sections that fit best: path, lines, heading and snippet. For \
                      how something is done, set up, meant or agreed. The resource of a hit's \
                      uri is the whole file.",
        input_schema: KNOWLEDGE_SCHEMA,
        output_schema: HITS_SCHEMA,
        read: query::knowledge,
    },
    Shape {
        name: VECTOR_SEARCH,
        title: "Search code",
        description: "Finds code on this machine by what it does: functions, types and other \
                      definitions that fit a description, also one in other words than theirs. \
                      Gives path, lines, name and snippet. The resource of a hit's uri is the \
                      whole file.",
        input_schema: CODE_SCHEMA,
        output_schema: HITS_SCHEMA,
        read: query::code,
    },
    Shape {
        name: ADR_LIST,
        title: "List decisions",
        description: "Lists architecture decision records (ADR): number, status, date, title, \
                      path, and which of them replaces which. The resource of a decision's uri \
                      is the whole record.",
        input_schema: ADR_SCHEMA,
        output_schema: DECISIONS_SCHEMA,
        read: query::decisions,
    },
];

/// A tool that asks.
struct AskingTool {
    spec: ToolSpec,
    read: Read,
    known: Rc<dyn Known>,
    output_bytes_max: usize,
}

/// The tools, which ask `known`. Their answers have at most `output_bytes_max` bytes.
pub fn tools(known: &Rc<dyn Known>, output_bytes_max: usize) -> Vec<Rc<dyn Tool>> {
    let tool = |shape: Shape| -> Rc<dyn Tool> {
        Rc::new(AskingTool {
            spec: shape.spec(),
            read: shape.read,
            known: known.clone(),
            output_bytes_max,
        })
    };
    SHAPES.into_iter().map(tool).collect()
}

impl Shape {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_string(),
            title: Some(self.title.to_string()),
            description: self.description.to_string(),
            input_schema: schema(self.input_schema),
            output_schema: Some(schema(self.output_schema)),
            annotations: READS_THIS_MACHINE,
            background: Background::Never,
            icons: None,
        }
    }
}

impl Tool for AskingTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn start(&self, arguments: &RawValue) -> Start {
        let asked = match (self.read)(arguments) {
            Ok(asked) => asked,
            Err(problem) => {
                let name = &self.spec.name;
                return Start::Done(Outcome::error(format!("{name} was not run: {problem}")));
            }
        };
        let (known, bytes_max) = (self.known.clone(), self.output_bytes_max);
        let begin =
            Begin::new(
                move |_| async move { Ended::Outcome(answer(&*known, asked, bytes_max).await) },
            );
        Start::Work(Work::Function(begin))
    }
}

/// Asks, and says what was found.
async fn answer(known: &dyn Known, asked: Asked, bytes_max: usize) -> Outcome {
    let status = match &asked.query {
        Query::Decisions { status, .. } => status.clone(),
        Query::Knowledge { .. } | Query::Code { .. } => None,
    };
    let found = known.ask(asked.query).await;
    let frame = Frame {
        note: &asked.note,
        // Not before: the question may have waited for an index that was being opened.
        incomplete: known.incomplete(),
        bytes_max,
    };
    match found {
        Found::Hits(hits) => answer::hits(&hits, &frame),
        Found::Decisions(decisions) => match status.filter(|_| decisions.is_empty()) {
            Some(status) => no_such_status(known, &status, &frame).await,
            None => answer::decisions(&decisions, &frame),
        },
        Found::Failed(why) => Outcome::error(why),
    }
}

/// What is said where no decision has the status, which may be a slip: which there are.
async fn no_such_status(known: &dyn Known, status: &str, frame: &Frame<'_>) -> Outcome {
    let all = Query::Decisions {
        status: None,
        words: None,
    };
    let statuses = match known.ask(all).await {
        Found::Decisions(decisions) => statuses(&decisions),
        Found::Hits(_) | Found::Failed(_) => Vec::new(),
    };
    let is_there = statuses.iter().any(|other| other == status);
    if statuses.is_empty() || is_there {
        return answer::decisions(&[], frame);
    }
    let note = format!(
        "No decision has this status; there are: {}.",
        statuses.join(", ")
    );
    let note = match frame.note {
        "" => note,
        before => format!("{before} {note}"),
    };
    let frame = Frame {
        note: &note,
        ..*frame
    };
    answer::decisions(&[], &frame)
}

/// Statuses that are told of: more help no model.
const STATUSES_MAX: usize = 16;

/// Each status that some decision has, once.
fn statuses(decisions: &[Decision]) -> Vec<String> {
    let named = decisions.iter().map(|decision| &decision.record.status);
    let mut statuses: Vec<String> = named.filter(|name| !name.is_empty()).cloned().collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.truncate(STATUSES_MAX);
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::decision::Record;
    use crate::tool::handler::{Context, Told};
    use std::cell::{Cell, RefCell};
    use std::task::{self, Poll, Waker};

    /// Answers with what it is told to, in order, and keeps what it was asked.
    #[derive(Default)]
    struct Oracle {
        answers: RefCell<Vec<Found>>,
        asked: RefCell<Vec<Query>>,
        incomplete: Cell<Option<(u32, u32)>>,
        /// Whether a question leads to an index that is complete.
        is_opened: bool,
    }

    impl Known for Oracle {
        fn ask(&self, query: Query) -> Answering {
            self.asked.borrow_mut().push(query);
            if self.is_opened {
                self.incomplete.set(None);
            }
            let found = self.answers.borrow_mut().remove(0);
            Box::pin(async { found })
        }

        fn incomplete(&self) -> Option<(u32, u32)> {
            self.incomplete.get()
        }
    }

    /// What the tool of this name answers, and what was asked for that.
    fn call(name: &str, arguments: &str, found: Vec<Found>) -> (Outcome, Vec<Query>) {
        ask(Oracle::default(), name, arguments, found)
    }

    /// The same while the index is incomplete.
    fn call_early(name: &str, arguments: &str, found: Vec<Found>) -> (Outcome, Vec<Query>) {
        ask(early(), name, arguments, found)
    }

    fn early() -> Oracle {
        Oracle {
            incomplete: Cell::new(Some((1, 2))),
            ..Oracle::default()
        }
    }

    fn ask(
        oracle: Oracle,
        name: &str,
        arguments: &str,
        found: Vec<Found>,
    ) -> (Outcome, Vec<Query>) {
        oracle.answers.replace(found);
        let told = Rc::new(oracle);
        let known: Rc<dyn Known> = told.clone();
        let tools = tools(&known, 4096);
        let tool = tools.iter().find(|tool| tool.spec().name == name).unwrap();
        let arguments = RawValue::from_string(arguments.to_string()).unwrap();
        let outcome = match tool.start(&arguments) {
            Start::Done(outcome) => outcome,
            Start::Work(Work::Function(begin)) => {
                let mut running = begin.call(Context::new(Told::default()));
                let mut task = task::Context::from_waker(Waker::noop());
                match running.as_mut().poll(&mut task) {
                    Poll::Ready(Ended::Outcome(outcome)) => outcome,
                    other => panic!("{other:?}"),
                }
            }
            start => panic!("{start:?}"),
        };
        (outcome, told.asked.take())
    }

    fn accepted() -> Decision {
        Decision {
            uri: "insight://adr/1.md".to_string(),
            path: "1.md".to_string(),
            record: Record {
                number: Some(1),
                title: "Use Rust".to_string(),
                status: "accepted".to_string(),
                ..Record::default()
            },
        }
    }

    #[test]
    fn schemas_are_json_and_names_are_in_order() {
        let known: Rc<dyn Known> = Rc::new(Oracle::default());
        let tools = tools(&known, 4096);
        let names = tools.iter().map(|tool| tool.spec().name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), NAMES);
        for tool in &tools {
            let spec = tool.spec();
            crate::wire::json::check(spec.input_schema.get()).unwrap();
            crate::wire::json::check(spec.output_schema.as_ref().unwrap().get()).unwrap();
            assert_eq!(spec.annotations.read_only, Some(true));
        }
    }

    #[test]
    fn a_question_of_the_seed_is_asked_and_its_answer_told() {
        let found = Found::Hits(Vec::new());
        let arguments = r#"{"query":"function that parses JSON","limit":5}"#;
        let (outcome, asked) = call(VECTOR_SEARCH, arguments, vec![found]);
        let expected = Query::Code {
            words: "function that parses JSON".to_string(),
            limit: 5,
            language: None,
        };
        assert_eq!(asked, [expected]);
        assert_eq!(outcome.structured.as_deref(), Some(r#"{"hits":[]}"#));
        assert!(!outcome.is_error);
    }

    #[test]
    fn every_tool_tells_of_an_incomplete_index() {
        for (name, found) in [
            (KNOWLEDGE_SEARCH, Found::Hits(Vec::new())),
            (VECTOR_SEARCH, Found::Hits(Vec::new())),
            (ADR_LIST, Found::Decisions(vec![accepted()])),
        ] {
            let (outcome, _) = call_early(name, r#"{"query":"a"}"#, vec![found]);
            let structured = outcome.structured.unwrap();
            assert!(
                structured.contains(r#""indexed":{"files":1,"of":2}"#),
                "{name}"
            );
        }
    }

    #[test]
    fn an_index_that_was_opened_for_the_question_is_not_called_incomplete() {
        let oracle = Oracle {
            is_opened: true,
            ..early()
        };
        let found = vec![Found::Hits(Vec::new())];
        let (outcome, _) = ask(oracle, KNOWLEDGE_SEARCH, r#"{"query":"a"}"#, found);
        assert_eq!(outcome.structured.as_deref(), Some(r#"{"hits":[]}"#));
    }

    #[test]
    fn wrong_arguments_and_failures_are_errors() {
        let (outcome, asked) = call(KNOWLEDGE_SEARCH, r#"{"query":" "}"#, Vec::new());
        assert!(outcome.is_error && asked.is_empty());
        assert!(
            outcome
                .said()
                .starts_with("knowledge-search was not run: argument \"query\"")
        );
        let failed = Found::Failed("the disk is full".to_string());
        let (outcome, _) = call(KNOWLEDGE_SEARCH, r#"{"query":"a"}"#, vec![failed]);
        assert_eq!(outcome, Outcome::error("the disk is full"));
    }

    #[test]
    fn a_status_that_no_decision_has_is_answered_with_those_that_there_are() {
        let all = vec![accepted(), accepted()];
        let found = vec![Found::Decisions(Vec::new()), Found::Decisions(all)];
        let arguments = r#"{"status":"acepted"}"#;
        let (outcome, asked) = call_early(ADR_LIST, arguments, found);
        assert_eq!(asked.len(), 2);
        let expected = concat!(
            r#"{"decisions":[],"indexed":{"files":1,"of":2},"#,
            r#""note":"No decision has this status; there are: accepted."}"#
        );
        assert_eq!(outcome.structured.as_deref(), Some(expected));
        // The status is right and the words are not.
        let found = vec![
            Found::Decisions(Vec::new()),
            Found::Decisions(vec![accepted()]),
        ];
        let arguments = r#"{"status":"accepted","query":"x"}"#;
        let (outcome, _) = call(ADR_LIST, arguments, found);
        assert!(!outcome.structured.unwrap().contains("note"));
    }
}
