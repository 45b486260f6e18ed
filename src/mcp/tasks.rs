//! What requests of the tasks extension say.

use super::message::{Params, members, text};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `params` of `tasks/get`, `tasks/update` and `tasks/cancel`.
#[derive(Debug)]
pub struct TaskParams<'a> {
    /// The task.
    pub task_id: Cow<'a, str>,
    /// What `tasks/update` brings.
    input_responses: Option<&'a RawValue>,
}

impl<'a> Params<'a> for TaskParams<'a> {
    fn read(params: &'a str) -> Result<TaskParams<'a>, String> {
        let [id, input_responses] = members(params, ["taskId", "inputResponses"])?;
        Ok(TaskParams {
            task_id: text(id, "taskId")?,
            input_responses,
        })
    }
}

impl<'a> TaskParams<'a> {
    /// The answers of `tasks/update`: an object, by the keys of the questions.
    ///
    /// # Errors
    ///
    /// A text, if there is none.
    pub fn responses(&self) -> Result<&'a RawValue, &'static str> {
        let responses = self.input_responses;
        let object = responses.filter(|responses| responses.get().starts_with('{'));
        object.ok_or("params.inputResponses: expected an object")
    }
}
