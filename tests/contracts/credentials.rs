//! Tokens and signed claims of the four roles that the tests know, and a configuration with them.
//!
//! The JWTs are HS256 of `{"sub":"ROLE-jwt","role":"ROLE","exp":...}` under [`SECRET`]; they expire
//! in the year 2100, the expired ones have done so in 2001.

use crate::harness::{Daemon, folder, program};
use std::fs;

/// What signs the JWTs.
pub const SECRET: &str = "contract-tests-sign-with-this-secret";

/// Who asks.
pub struct Someone {
    pub role: &'static str,
    pub token: &'static str,
    /// SHA-256 of the token.
    pub digest: &'static str,
    pub jwt: &'static str,
    pub expired_jwt: &'static str,
}

pub const MASTER: Someone = Someone {
    role: "master",
    token: "master-token",
    digest: "72c191bec5430c99bcc83e3476a303a98370c4162dd5992b92e045a547638f87",
    jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtYXN0ZXItand0Iiwicm9sZSI6Im1hc3RlciIsImV4cCI6NDEwMjQ0NDgwMH0.xORanLP0jPe__7CHSuXyJ-cMrK1C4SFm_eX-jWhgPqM",
    expired_jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtYXN0ZXItand0Iiwicm9sZSI6Im1hc3RlciIsImV4cCI6MTAwMDAwMDAwMH0.0nRjom86Y-GMiHsjqgZXK-qH5EFyIo2hSwmIqo1eSfk",
};

pub const TEAM: Someone = Someone {
    role: "team",
    token: "team-token",
    digest: "2304fcda2bf82779c69d1100357cc0d7af66ee39d6fc1e1ae7a77cb7477f4943",
    jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ0ZWFtLWp3dCIsInJvbGUiOiJ0ZWFtIiwiZXhwIjo0MTAyNDQ0ODAwfQ.Dm8GtnVOU5qR7Av0b0KrYVwd7ZO-GO396_f9XUGru98",
    expired_jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ0ZWFtLWp3dCIsInJvbGUiOiJ0ZWFtIiwiZXhwIjoxMDAwMDAwMDAwfQ.46GwX7FCwSppCfZ8t-gK1oCYDijm2ETsZul0u7hcTh4",
};

pub const READONLY: Someone = Someone {
    role: "readonly",
    token: "readonly-token",
    digest: "9c2a69b7011733d8ea00d487bb7128ed381bc53b9dfbdbf7daceb9f06ce0158f",
    jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJyZWFkb25seS1qd3QiLCJyb2xlIjoicmVhZG9ubHkiLCJleHAiOjQxMDI0NDQ4MDB9.7bxL2YRwKBv3WDEdpeMFxdE4LpmD8gT0uwupElls7f8",
    expired_jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJyZWFkb25seS1qd3QiLCJyb2xlIjoicmVhZG9ubHkiLCJleHAiOjEwMDAwMDAwMDB9.MpA1QlDB1XeWfzc2k3jNsA7K5Lz1jnqbu5hsyv5wYd4",
};

/// Whose role is none of the built-in ones.
pub const NOTHING: Someone = Someone {
    role: "nothing",
    token: "nothing-token",
    digest: "a6173fa63ba72593f6376eeb365b0a4e1fd2c2396620cdc3db580b5ad0ecd066",
    jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJub3RoaW5nLWp3dCIsInJvbGUiOiJub3RoaW5nIiwiZXhwIjo0MTAyNDQ0ODAwfQ.4wlLRoxyKC5rkq0GBYNPdy-UnuF4FzUo_mxj3YjIYjQ",
    expired_jwt: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJub3RoaW5nLWp3dCIsInJvbGUiOiJub3RoaW5nIiwiZXhwIjoxMDAwMDAwMDAwfQ.Hb9Ua_Eekz46CB6-2hXRgkIVuepRzipRUsuZMuwViwE",
};

impl Someone {
    /// The header field that shows the token.
    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }

    /// The lines of the configuration that know the token.
    pub fn lines(&self) -> String {
        format!(
            "[[token]]\nname = '{0}-laptop'\nrole = '{0}'\nsha256 = '{1}'\n",
            self.role, self.digest
        )
    }
}

/// Lines that know the tokens of the three built-in roles.
pub fn tokens() -> String {
    [MASTER, TEAM, READONLY]
        .map(|someone| someone.lines())
        .concat()
}

/// Starts a daemon that knows the tokens of the built-in roles and JWTs signed with [`SECRET`].
/// `before` stands at the top of the file, `after` at its end.
pub fn start_with_jwt(name: &str, before: &str, after: &str) -> Daemon {
    let folder = folder(name);
    let secret = folder.join("secret");
    fs::write(&secret, SECRET).expect("a file");
    let config = format!(
        "{before}\n[jwt]\nsecret_file = '{}'\n{}\n{after}\n",
        secret.display(),
        tokens()
    );
    let mut command = program(&folder, &config);
    command.args(["--listen", "127.0.0.1:0"]);
    Daemon::of(folder, command)
}
