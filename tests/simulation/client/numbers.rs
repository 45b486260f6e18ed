//! Under what ids a client's requests go out. In some worlds they tell whose they are; in others
//! all clients count from one, and only what a message says can tell whom it was meant for.

use super::{Client, Shared};
use serde_json::{Value, json};

/// The requests of one client.
#[derive(Default)]
pub struct Numbers {
    /// Every client uses the same ids and tokens.
    pub collide: bool,
    /// The numbers of its requests, in order.
    given: Vec<u64>,
}

impl Client {
    /// The number of a new request, which no other request of any client has.
    pub(super) fn new_number(&mut self, shared: &mut Shared<'_>) -> u64 {
        let number = *shared.number;
        *shared.number += 1;
        self.numbers.given.push(number);
        number
    }

    /// The id of a request. Where all clients have the same, some write numbers and some texts.
    pub(super) fn id_of(&self, number: u64) -> Value {
        if !self.numbers.collide {
            return json!(format!("c{}-{number}", self.name));
        }
        let place = self.numbers.given.iter().position(|one| *one == number);
        let count = place.expect("it is ours") + 1;
        match self.name.is_multiple_of(2) {
            true => json!(count),
            false => json!(count.to_string()),
        }
    }

    /// The number of the request with this id.
    pub(super) fn number_of(&self, id: &Value) -> u64 {
        let text = || id.as_str().expect("ids are as they were");
        if !self.numbers.collide {
            let ours = text().strip_prefix(&format!("c{}-", self.name));
            let number = ours.expect("it was meant for another client");
            return number.parse().expect("ids hold numbers");
        }
        let count: usize = match self.name.is_multiple_of(2) {
            true => id.as_u64().expect("ids are as they were") as usize,
            false => text().parse().expect("ids are counts"),
        };
        self.numbers.given[count - 1]
    }

    /// The token of a request that wants to hear of progress.
    pub(super) fn token_of(&self, number: u64) -> Value {
        match self.id_of(number) {
            Value::String(id) => json!(format!("p-{id}")),
            id => id,
        }
    }

    /// The number of the request with this token.
    pub(super) fn number_of_token(&self, token: &Value) -> u64 {
        match token.as_str() {
            None => self.number_of(token),
            Some(token) => {
                let id = token.strip_prefix("p-").expect("tokens are ours");
                self.number_of(&json!(id))
            }
        }
    }
}
