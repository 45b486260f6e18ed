//! Facts about this machine, from `/proc`, `/sys` and `statvfs`.
//!
//! These files are answered from memory, so reading them does not wait; each is optional and read
//! up to a bound. Network file systems are not asked: a dead server would stop the whole daemon.

use crate::tool::builtin::facts::{Disk, Facts, Temperature};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Bytes read of one file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Sensors and disks that are listed.
const ENTRIES_MAX: usize = 32;

/// File systems on local disks. What is not here is memory, network, or made up by the kernel.
const DISK_FILESYSTEMS: [&str; 14] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "exfat", "ntfs3", "jffs2", "ubifs",
    "overlay", "zfs", "bcachefs",
];

/// Everything this machine tells.
pub fn gather() -> Facts {
    let memory = read("/proc/meminfo").unwrap_or_default();
    Facts {
        host_name: line("/proc/sys/kernel/hostname"),
        machine_model: machine_model(),
        architecture: line("/proc/sys/kernel/arch").or_else(architecture),
        kernel: kernel(),
        uptime_seconds: line("/proc/uptime").and_then(|text| {
            text.split('.')
                .next()
                .and_then(|seconds| seconds.parse().ok())
        }),
        load_averages: line("/proc/loadavg").and_then(|text| load_averages(&text)),
        memory_total_bytes: memory_field(&memory, "MemTotal"),
        memory_available_bytes: memory_field(&memory, "MemAvailable"),
        swap_total_bytes: memory_field(&memory, "SwapTotal"),
        swap_free_bytes: memory_field(&memory, "SwapFree"),
        disks: read("/proc/self/mounts")
            .map(|mounts| disks(&mounts))
            .unwrap_or_default(),
        temperatures: temperatures(),
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first line of a file, without blanks and NULs around it; `None` if nothing is left.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = read(path)?;
    let line = text
        .lines()
        .next()?
        .trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!line.is_empty()).then(|| line.to_owned())
}

/// Boards describe themselves in the device tree, computers in DMI.
fn machine_model() -> Option<String> {
    line("/proc/device-tree/model").or_else(|| line("/sys/class/dmi/id/product_name"))
}

/// `/proc/sys/kernel/arch` exists since Linux 6.1; `uname` always does.
fn architecture() -> Option<String> {
    rustix::system::uname()
        .machine()
        .to_str()
        .ok()
        .map(ToOwned::to_owned)
}

fn kernel() -> Option<String> {
    let name = line("/proc/sys/kernel/ostype")?;
    Some(format!("{name} {}", line("/proc/sys/kernel/osrelease")?))
}

fn load_averages(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split(' ').map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// A field of `/proc/meminfo`, whose "kB" are KiB.
fn memory_field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| *field == name)?;
    let kib: u64 = value.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// The local file systems of a mount table, each device where it was mounted first.
fn disks(mounts: &str) -> Vec<Disk> {
    let mut devices = Vec::new();
    let mut disks = Vec::new();
    for mount in mounts.lines() {
        let mut fields = mount.split(' ');
        let (Some(device), Some(path), Some(filesystem)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let is_disk = DISK_FILESYSTEMS.contains(&filesystem);
        if !is_disk || devices.contains(&device) || disks.len() == ENTRIES_MAX {
            continue;
        }
        devices.push(device);
        disks.extend(disk(&unescape(path), filesystem));
    }
    disks
}

fn disk(mount: &str, filesystem: &str) -> Option<Disk> {
    let space = rustix::fs::statvfs(mount).ok()?;
    Some(Disk {
        mount: mount.to_owned(),
        filesystem: filesystem.to_owned(),
        size_bytes: space.f_blocks * space.f_frsize,
        free_bytes: space.f_bavail * space.f_frsize,
    })
}

/// Blanks, tabs, line ends and backslashes in mount tables are written as `\040` (proc(5)).
fn unescape(path: &str) -> String {
    let mut text = path.to_owned();
    for (escaped, plain) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        text = text.replace(escaped, plain);
    }
    text
}

/// Thermal zones, and what hardware monitors add.
fn temperatures() -> Vec<Temperature> {
    let mut found = Vec::new();
    for zone in entries("/sys/class/thermal") {
        found.extend(temperature(line(zone.join("type")), &zone.join("temp")));
    }
    for monitor in entries("/sys/class/hwmon") {
        let name = line(monitor.join("name"));
        for input in entries(&monitor) {
            let file = input
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let Some(sensor) = file
                .strip_prefix("temp")
                .and_then(|f| f.strip_suffix("_input"))
            else {
                continue;
            };
            let label = line(monitor.join(format!("temp{sensor}_label")));
            let label = label.unwrap_or_else(|| sensor.to_owned());
            found.extend(temperature(
                name.as_ref().map(|name| format!("{name} {label}")),
                &input,
            ));
        }
    }
    found.truncate(ENTRIES_MAX);
    found
}

/// The entries of a directory by name, so that two calls give the same order.
fn entries(directory: impl AsRef<Path>) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// One sensor; kernels give thousandths of a degree.
fn temperature(sensor: Option<String>, file: &Path) -> Option<Temperature> {
    let milli_celsius: f64 = line(file)?.parse().ok()?;
    Some(Temperature {
        sensor: sensor?,
        celsius: milli_celsius / 1000.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_a_kernel_and_memory() {
        let facts = gather();
        assert!(facts.host_name.is_some() && facts.architecture.is_some());
        assert!(
            facts
                .kernel
                .is_some_and(|kernel| kernel.starts_with("Linux "))
        );
        assert!(facts.memory_total_bytes > facts.memory_available_bytes);
        assert!(facts.load_averages.is_some() && facts.uptime_seconds.is_some());
    }

    #[test]
    fn a_mount_table_gives_each_local_device_once() {
        let mounts = "/dev/root / ext4 rw 0 0\nproc /proc proc rw 0 0\nnas:/x /mnt nfs4 rw 0 0\n\
                      /dev/root / ext4 rw 0 0\n";
        let found = disks(mounts);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].mount.as_str(), found[0].filesystem.as_str()),
            ("/", "ext4")
        );
        assert!(found[0].size_bytes >= found[0].free_bytes);
    }

    #[test]
    fn escapes_of_mount_points_are_undone() {
        assert_eq!(unescape(r"/media/my\040disk\134x"), r"/media/my disk\x");
    }

    #[test]
    fn meminfo_counts_in_kib() {
        let text = "MemTotal:  100 kB\nMemFree: 7 kB\n";
        assert_eq!(memory_field(text, "MemTotal"), Some(102_400));
        assert_eq!(memory_field(text, "SwapFree"), None);
    }
}
