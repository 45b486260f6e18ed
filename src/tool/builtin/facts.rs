//! What `system-info` tells: facts that the edge collected, as text and as `structuredContent`.
//!
//! Every fact may be missing, since a container, a router and a desktop each hide others. A fact
//! that is missing is left out, never guessed.

use crate::tool::{Content, Outcome};
use crate::wire::json::Object;
use std::fmt;

/// What is known about this machine. The names of the fields are those of the JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Name of the host.
    pub host_name: Option<String>,
    /// Model of the board or computer, `Raspberry Pi 4 Model B Rev 1.4`.
    pub machine_model: Option<String>,
    /// Architecture as the kernel names it, `armv7l`.
    pub architecture: Option<String>,
    /// Name and release of the kernel, `Linux 6.1.21-v7+`.
    pub kernel: Option<String>,
    /// Seconds since the kernel started.
    pub uptime_seconds: Option<u64>,
    /// Processes that ran or waited for a disk, on average over 1, 5 and 15 minutes.
    pub load_averages: Option<[f64; 3]>,
    /// All memory, in bytes.
    pub memory_total_bytes: Option<u64>,
    /// Memory that programs could still get without swapping, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// Swap space, in bytes; 0 without any.
    pub swap_total_bytes: Option<u64>,
    /// Unused swap space, in bytes.
    pub swap_free_bytes: Option<u64>,
    /// File systems on local disks, each device once.
    pub disks: Vec<Disk>,
    /// Temperature sensors.
    pub temperatures: Vec<Temperature>,
}

/// One file system on a local disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: String,
    /// Its type, `ext4`.
    pub filesystem: String,
    /// All of it, in bytes.
    pub size_bytes: u64,
    /// What an ordinary user can still write, in bytes.
    pub free_bytes: u64,
}

/// One temperature sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Temperature {
    /// Name of the sensor, `cpu-thermal` or `nvme Composite`.
    pub sensor: String,
    /// What it shows, in degrees Celsius.
    pub celsius: f64,
}

/// JSON Schema of what [`render`] puts into `structuredContent`.
pub const SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"#,
    r#""host_name":{"type":"string"},"#,
    r#""machine_model":{"type":"string"},"#,
    r#""architecture":{"type":"string"},"#,
    r#""kernel":{"type":"string"},"#,
    r#""uptime_seconds":{"type":"integer","minimum":0},"#,
    r#""load_averages":{"type":"array","items":{"type":"number"},"minItems":3,"maxItems":3,"#,
    r#""description":"Over 1, 5 and 15 minutes."},"#,
    r#""memory_total_bytes":{"type":"integer","minimum":0},"#,
    r#""memory_available_bytes":{"type":"integer","minimum":0},"#,
    r#""swap_total_bytes":{"type":"integer","minimum":0},"#,
    r#""swap_free_bytes":{"type":"integer","minimum":0},"#,
    r#""disks":{"type":"array","items":{"type":"object","properties":{"#,
    r#""mount":{"type":"string"},"filesystem":{"type":"string"},"#,
    r#""size_bytes":{"type":"integer","minimum":0},"#,
    r#""free_bytes":{"type":"integer","minimum":0}},"#,
    r#""required":["mount","filesystem","size_bytes","free_bytes"]}},"#,
    r#""temperatures":{"type":"array","items":{"type":"object","properties":{"#,
    r#""sensor":{"type":"string"},"celsius":{"type":"number"}},"#,
    r#""required":["sensor","celsius"]}}},"#,
    r#""required":["disks","temperatures"]}"#
);

/// The outcome of `system-info`: lines for the model, and the same as JSON.
pub fn render(facts: &Facts) -> Outcome {
    let structured = String::from_utf8(facts.encode()).expect("texts make a text");
    Outcome {
        content: vec![Content::Text(facts.to_string())],
        structured: Some(structured),
        is_error: false,
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "host: {}",
            self.host_name.as_deref().unwrap_or("unknown")
        )?;
        let machine = [&self.machine_model, &self.architecture, &self.kernel];
        for known in machine.into_iter().flatten() {
            write!(f, ", {known}")?;
        }
        self.fmt_activity(f)?;
        self.fmt_memory(f)?;
        for disk in &self.disks {
            let (free, size) = (Bytes(disk.free_bytes), Bytes(disk.size_bytes));
            write!(
                f,
                "\ndisk {}: {free} of {size} free ({})",
                disk.mount, disk.filesystem
            )?;
        }
        for temperature in &self.temperatures {
            write!(
                f,
                "\ntemperature {}: {:.1} °C",
                temperature.sensor, temperature.celsius
            )?;
        }
        Ok(())
    }
}

impl Facts {
    fn encode(&self) -> Vec<u8> {
        let averages = self.load_averages.map(|averages| format!("{averages:?}"));
        let disk = |disk: &Disk| {
            Object::default()
                .text("mount", &disk.mount)
                .text("filesystem", &disk.filesystem)
                .plain("size_bytes", disk.size_bytes)
                .plain("free_bytes", disk.free_bytes)
        };
        let temperature = |temperature: &Temperature| {
            Object::default()
                .text("sensor", &temperature.sensor)
                .plain("celsius", temperature.celsius)
        };
        Object::default()
            .optional_text("host_name", self.host_name.as_deref())
            .optional_text("machine_model", self.machine_model.as_deref())
            .optional_text("architecture", self.architecture.as_deref())
            .optional_text("kernel", self.kernel.as_deref())
            .optional("uptime_seconds", self.uptime_seconds)
            .optional("load_averages", averages)
            .optional("memory_total_bytes", self.memory_total_bytes)
            .optional("memory_available_bytes", self.memory_available_bytes)
            .optional("swap_total_bytes", self.swap_total_bytes)
            .optional("swap_free_bytes", self.swap_free_bytes)
            .list("disks", self.disks.iter().map(disk))
            .list("temperatures", self.temperatures.iter().map(temperature))
            .end()
    }

    fn fmt_activity(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seconds) = self.uptime_seconds {
            let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
            write!(f, "\nup: {days} d {hours} h {minutes} min")?;
        }
        if let Some([one, five, fifteen]) = self.load_averages {
            write!(
                f,
                "\nload over 1, 5, 15 min: {one:.2} {five:.2} {fifteen:.2}"
            )?;
        }
        Ok(())
    }

    fn fmt_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(available), Some(total)) =
            (self.memory_available_bytes, self.memory_total_bytes)
        {
            write!(
                f,
                "\nmemory: {} of {} available",
                Bytes(available),
                Bytes(total)
            )?;
        }
        match (self.swap_free_bytes, self.swap_total_bytes) {
            (_, Some(0)) => write!(f, "\nswap: none"),
            (Some(free), Some(total)) => {
                write!(f, "\nswap: {} of {} free", Bytes(free), Bytes(total))
            }
            (_, None) | (None, Some(_)) => Ok(()),
        }
    }
}

/// Bytes as people read them. Disks pass 32 bits, so `limits::Size` cannot hold them everywhere.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // The greatest unit of which there is at least one; 2^60 and more stay with PiB.
        let power = ((self.0.ilog2() / 10) as usize).min(units.len());
        let count = self.0 as f64 / (1u64 << (10 * power)) as f64;
        write!(f, "{count:.1} {}", units[power - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pi() -> Facts {
        Facts {
            host_name: Some("garage-pi".into()),
            machine_model: Some("Raspberry Pi 4 Model B".into()),
            architecture: Some("armv7l".into()),
            kernel: Some("Linux 6.1.21-v7+".into()),
            uptime_seconds: Some(3 * 86_400 + 4 * 3600 + 5 * 60 + 59),
            load_averages: Some([0.1, 0.25, 1.0]),
            memory_total_bytes: Some(1 << 30),
            memory_available_bytes: Some(512 << 20),
            swap_total_bytes: Some(100 << 20),
            swap_free_bytes: Some(99 << 20),
            disks: vec![Disk {
                mount: "/".into(),
                filesystem: "ext4".into(),
                size_bytes: 29 << 30,
                free_bytes: 12 << 30,
            }],
            temperatures: vec![Temperature {
                sensor: "cpu-thermal".into(),
                celsius: 48.312,
            }],
        }
    }

    fn text(facts: &Facts) -> String {
        match &render(facts).content[..] {
            [Content::Text(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn structured(facts: &Facts) -> Value {
        serde_json::from_str(&render(facts).structured.unwrap()).unwrap()
    }

    #[test]
    fn the_text_reads_well() {
        let expected = "host: garage-pi, Raspberry Pi 4 Model B, armv7l, Linux 6.1.21-v7+\n\
                        up: 3 d 4 h 5 min\n\
                        load over 1, 5, 15 min: 0.10 0.25 1.00\n\
                        memory: 512.0 MiB of 1.0 GiB available\n\
                        swap: 99.0 MiB of 100.0 MiB free\n\
                        disk /: 12.0 GiB of 29.0 GiB free (ext4)\n\
                        temperature cpu-thermal: 48.3 °C";
        assert_eq!(text(&pi()), expected);
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        assert_eq!(text(&Facts::default()), "host: unknown");
        assert_eq!(
            structured(&Facts::default()),
            json!({"disks": [], "temperatures": []})
        );
        let none = Facts {
            swap_total_bytes: Some(0),
            ..Facts::default()
        };
        assert!(text(&none).ends_with("swap: none"));
    }

    #[test]
    fn the_json_and_its_schema_name_the_same_things() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let said = structured(&pi());
        let keys = |value: &Value| -> Vec<String> {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&said), keys(&schema["properties"]));
        for list in ["disks", "temperatures"] {
            let items = &schema["properties"][list]["items"];
            assert_eq!(keys(&said[list][0]), keys(&items["properties"]), "{list}");
            assert_eq!(
                items["required"].as_array().unwrap().len(),
                keys(&said[list][0]).len()
            );
        }
        assert_eq!(
            keys(&structured(&Facts::default())),
            ["disks", "temperatures"]
        );
    }

    #[test]
    fn bytes_of_any_size_read_well() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16384.0 PiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Bytes(bytes).to_string(), expected);
        }
    }
}
