//! Variables of the environment that have a say in the configuration.

use std::ffi::OsString;

/// The variables that are read; no others are. An empty one counts as absent, as in shells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `PORT`: stands in for `listen`, on 127.0.0.1.
    pub port: Option<OsString>,
    /// `ALLOWED_ORIGINS`: stands in for `origins`; separated by commas.
    pub allowed_origins: Option<OsString>,
    /// `SLIMCP_CONFIG`: the file to read where no `-c` names one.
    pub slimcp_config: Option<OsString>,
    /// `XDG_CONFIG_HOME`: the folder of the user's configurations.
    pub xdg_config_home: Option<OsString>,
    /// `HOME`: its `.config` is that folder where `XDG_CONFIG_HOME` is absent.
    pub home: Option<OsString>,
    /// `STATE_DIRECTORY`: where systemd lets services keep what they know.
    #[cfg(feature = "insight")]
    pub state_directory: Option<OsString>,
    /// `XDG_STATE_HOME`: the folder of what programs of the user keep.
    #[cfg(feature = "insight")]
    pub xdg_state_home: Option<OsString>,
}

impl Environment {
    /// Asks `variable` for each of the variables; in the program that is `std::env::var_os`.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Environment {
        let read = |name| variable(name).filter(|value| !value.is_empty());
        Environment {
            port: read("PORT"),
            allowed_origins: read("ALLOWED_ORIGINS"),
            slimcp_config: read("SLIMCP_CONFIG"),
            xdg_config_home: read("XDG_CONFIG_HOME"),
            home: read("HOME"),
            #[cfg(feature = "insight")]
            state_directory: read("STATE_DIRECTORY"),
            #[cfg(feature = "insight")]
            xdg_state_home: read("XDG_STATE_HOME"),
        }
    }
}
