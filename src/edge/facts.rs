//! Facts about this machine, from `/proc`, `/sys` and `statvfs`.
//!
//! These files are answered from memory, so reading them does not wait; each is optional and read
//! up to a bound. Network file systems are not asked, and no path is looked up that leads through
//! one: a dead server would stop the whole daemon. Nor are sensors that take their time.

use crate::tool::builtin::facts::{Disk, Facts, Temperature};
use crate::wire::json;
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

/// File systems that a path may lead through beside the disks.
const PASSABLE_FILESYSTEMS: [&str; 8] = [
    "rootfs", "ramfs", "tmpfs", "devtmpfs", "squashfs", "erofs", "autofs", "sysfs",
];

/// Hardware monitors that are not asked: a 1-Wire sensor converts for 750 ms, and a drive may have
/// to spin up.
const SLOW_MONITORS: [&str; 2] = ["w1_slave_temp", "drivetemp"];

/// Everything this machine tells.
pub fn gather() -> Facts {
    let memory = read("/proc/meminfo").unwrap_or_default();
    Facts {
        host_name: line("/proc/sys/kernel/hostname"),
        machine_model: machine_model(),
        architecture: architecture(),
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
            // In a table that was cut, a network file system may be missing.
            .filter(|mounts| mounts.len() < FILE_BYTES_MAX as usize)
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
    let mut numbers = text.split(' ').map(json::float);
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// A field of `/proc/meminfo`, whose "kB" are KiB.
fn memory_field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| *field == name)?;
    let kib: u64 = value.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// One line of a mount table.
struct Mount<'a> {
    device: &'a str,
    path: String,
    filesystem: &'a str,
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let mut fields = line.split(' ');
    Some(Mount {
        device: fields.next()?,
        path: unescape(fields.next()?),
        filesystem: fields.next()?,
    })
}

impl Mount<'_> {
    fn is_disk(&self) -> bool {
        DISK_FILESYSTEMS.contains(&self.filesystem)
    }

    /// Whether its paths are looked up without asking anybody else.
    fn is_local(&self) -> bool {
        self.is_disk() || PASSABLE_FILESYSTEMS.contains(&self.filesystem)
    }
}

/// The local file systems of a mount table, each device where it was mounted first.
fn disks(table: &str) -> Vec<Disk> {
    let mounts: Vec<Mount> = table.lines().filter_map(mount).collect();
    let mut devices = Vec::new();
    let mut disks = Vec::new();
    for (place, mount) in mounts.iter().enumerate() {
        if disks.len() == ENTRIES_MAX {
            break;
        }
        if mount.is_disk() && !devices.contains(&mount.device) && is_reachable(place, &mounts) {
            devices.push(mount.device);
            disks.extend(disk(&mount.path, mount.filesystem));
        }
    }
    disks
}

/// Whether the way to a mount leads through local file systems only. Something else may be mounted
/// above it, or later over it: then its path is theirs.
fn is_reachable(place: usize, mounts: &[Mount]) -> bool {
    let path = Path::new(&mounts[place].path);
    mounts.iter().enumerate().all(|(other_place, other)| {
        let covers = path.starts_with(&other.path);
        let is_under = other_place < place && Path::new(&other.path) == path;
        other.is_local() || !covers || is_under
    })
}

fn disk(mount: &str, filesystem: &str) -> Option<Disk> {
    let space = rustix::fs::statvfs(mount).ok()?;
    Some(Disk {
        mount: mount.to_owned(),
        filesystem: filesystem.to_owned(),
        size_bytes: space.f_blocks.saturating_mul(space.f_frsize),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
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
    let zones: Vec<String> = found.iter().map(|zone| zone.sensor.clone()).collect();
    for monitor in entries("/sys/class/hwmon") {
        if let Some(name) = line(monitor.join("name")).filter(|name| adds_to(&zones, name)) {
            found.extend(monitored(&monitor, &name));
        }
    }
    found.truncate(ENTRIES_MAX);
    found
}

/// Whether a monitor of this name is worth asking. The kernel makes one of each thermal zone, with
/// underscores in its name.
fn adds_to(zones: &[String], name: &str) -> bool {
    let is_zone = zones
        .iter()
        .any(|zone| zone.replace('-', "_") == name.replace('-', "_"));
    !is_zone && !SLOW_MONITORS.contains(&name)
}

/// The temperatures of one hardware monitor.
fn monitored(monitor: &Path, name: &str) -> Vec<Temperature> {
    let mut found = Vec::new();
    for input in entries(monitor) {
        let file = input
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = file
            .strip_prefix("temp")
            .and_then(|file| file.strip_suffix("_input"));
        let Some(number) = number else { continue };
        let label = line(monitor.join(format!("temp{number}_label")));
        let label = label.unwrap_or_else(|| number.to_owned());
        found.extend(temperature(Some(format!("{name} {label}")), &input));
    }
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
    let milli_celsius: i32 = line(file)?.parse().ok()?;
    Some(Temperature {
        sensor: sensor?,
        celsius: f64::from(milli_celsius) / 1000.0,
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
    fn no_path_is_looked_up_through_a_network_file_system() {
        for (table, reachable) in [
            ("/dev/a / ext4\n/dev/b /mnt ext4\n", true),
            (
                "/dev/a / ext4\nnas:/x /mnt nfs4\n/dev/b /mnt/usb ext4\n",
                false,
            ),
            ("/dev/a / ext4\n/dev/b /mnt ext4\nnas:/x /mnt nfs4\n", false),
            ("nas:/x /mnt nfs4\n/dev/b /mnt ext4\n", true),
            ("/dev/a / ext4\nnas:/x /mn nfs4\n/dev/b /mnt ext4\n", true),
            (
                "tmpfs / tmpfs\nsystemd-1 /boot autofs\n/dev/b /boot vfat\n",
                true,
            ),
            ("nas:/root / nfs\n/dev/b /mnt ext4\n", false),
            (
                "/dev/a / ext4\nx /mnt fuse.sshfs\n/dev/b /mnt/a\\040b ext4\n",
                false,
            ),
        ] {
            let mounts: Vec<Mount> = table.lines().filter_map(mount).collect();
            let place = mounts
                .iter()
                .position(|mount| mount.device == "/dev/b")
                .unwrap();
            assert_eq!(is_reachable(place, &mounts), reachable, "{table}");
        }
    }

    #[test]
    fn a_zone_is_not_listed_again_and_slow_sensors_are_not_asked() {
        let zones = ["cpu-thermal".to_owned(), "acpitz".to_owned()];
        for (name, adds) in [
            ("cpu_thermal", false),
            ("acpitz", false),
            ("drivetemp", false),
            ("w1_slave_temp", false),
            ("nvme", true),
        ] {
            assert_eq!(adds_to(&zones, name), adds, "{name}");
        }
    }

    #[test]
    fn a_monitor_names_its_sensors() {
        let directory = std::env::temp_dir().join(format!("slimcp-hwmon-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for (file, text) in [
            ("temp1_input", "48312\n"),
            ("temp1_label", "Composite\n"),
            ("temp2_input", "-1500\n"),
            ("temp3_input", "broken\n"),
            ("fan1_input", "900\n"),
        ] {
            fs::write(directory.join(file), text).unwrap();
        }
        let found = monitored(&directory, "nvme");
        fs::remove_dir_all(&directory).unwrap();
        let sensor = |sensor: &str, celsius| Temperature {
            sensor: sensor.into(),
            celsius,
        };
        assert_eq!(
            found,
            [sensor("nvme Composite", 48.312), sensor("nvme 2", -1.5)]
        );
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
