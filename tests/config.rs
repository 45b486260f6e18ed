//! The configuration as it lies on a disk: search, drop-ins, what cannot be read.

use slimcp::daemon::config::{self, Complaint, Environment, Loaded, Overrides};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("config")
        .join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn load(file: Option<&Path>, variables: &[(&str, &Path)]) -> Result<Loaded, Vec<Complaint>> {
    let environment = Environment::read(|name| {
        let pair = variables.iter().find(|(key, _)| *key == name);
        pair.map(|(_, value)| OsString::from(value))
    });
    config::load(file, &environment, &Overrides::default())
}

/// The complaint about `file`, without the path in front.
fn complaint(file: &Path) -> String {
    let complaints = load(Some(file), &[]).expect_err("a complaint");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let shown = complaints[0].to_string();
    let folder = file.parent().expect("a folder").display().to_string();
    shown
        .strip_prefix(&folder)
        .expect("a path in front")
        .to_string()
}

#[test]
fn drop_ins_follow_their_file_by_name() {
    let folder = folder("drop_ins");
    let file = folder.join("slimcp.toml");
    write(&file, "name = 'main'\ntitle = 'main'");
    write(&folder.join("conf.d/20-b.toml"), "name = 'b'");
    write(
        &folder.join("conf.d/10-a.toml"),
        "name = 'a'\nlimits.calls = 7",
    );
    write(&folder.join("conf.d/.hidden.toml"), "name = 'hidden'");
    write(&folder.join("conf.d/30-c.toml~"), "name = 'backup'");
    let loaded = load(Some(&file), &[]).expect("three sound files");
    assert_eq!(loaded.settings.name, "b");
    assert_eq!(loaded.settings.title.as_deref(), Some("main"));
    assert_eq!(loaded.settings.limits.calls_max, 7);
    let names = loaded
        .sources
        .iter()
        .map(|name| Path::new(name).file_name());
    let expected = ["slimcp.toml", "10-a.toml", "20-b.toml"].map(|name| Some(name.as_ref()));
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn drop_ins_are_sorted_however_the_disk_lists_them() {
    let folder = folder("order");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    // Neither this order nor its reverse is the one of the names.
    for index in [5, 1, 7, 3, 0, 8, 2, 6, 4] {
        write(&folder.join(format!("conf.d/{index}.toml")), "");
    }
    let sources = load(Some(&file), &[]).expect("empty files").sources;
    assert_eq!(sources.len(), 10);
    assert!(sources[1..].is_sorted(), "{sources:?}");
}

#[test]
fn a_complaint_names_the_drop_in_and_its_line() {
    let folder = folder("drop_in_complaint");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    write(&folder.join("conf.d/a.toml"), "\nnames = 'a'");
    assert_eq!(
        complaint(&file),
        "/conf.d/a.toml:2: names: unknown key, did you mean name?"
    );
}

#[test]
fn the_option_comes_before_the_variable_and_both_before_the_search() {
    let folder = folder("search");
    let (option, variable) = (folder.join("option.toml"), folder.join("variable.toml"));
    let user = folder.join("user/slimcp/slimcp.toml");
    let variables = [
        ("SLIMCP_CONFIG", variable.as_path()),
        ("XDG_CONFIG_HOME", &folder.join("user")),
    ];
    write(&option, "name = 'option'");
    write(&variable, "name = 'variable'");
    write(&user, "name = 'user'");
    let name = |file, variables: &[_]| load(file, variables).expect("sound").settings.name;
    assert_eq!(name(Some(&option), &variables), "option");
    assert_eq!(name(None, &variables), "variable");
    assert_eq!(name(None, &variables[1..]), "user");
}

#[test]
fn a_named_file_must_exist() {
    let folder = folder("missing");
    let file = folder.join("none.toml");
    assert!(complaint(&file).starts_with("/none.toml: cannot be read: No such file"));
    assert!(load(None, &[("SLIMCP_CONFIG", &file)]).is_err());
    assert!(complaint(&folder).contains(": cannot be read: Is a directory"));
}

#[test]
fn a_user_file_that_cannot_be_opened_is_not_passed_over() {
    let folder = folder("unreadable");
    fs::create_dir_all(folder.join("slimcp/slimcp.toml")).expect("a folder in place of the file");
    let complaints = load(None, &[("XDG_CONFIG_HOME", &folder)]).expect_err("no file");
    assert!(
        complaints[0].problem.contains("Is a directory"),
        "{complaints:?}"
    );
}

#[test]
fn all_files_together_have_a_cap() {
    let folder = folder("cap");
    let file = folder.join("slimcp.toml");
    let half = config::CONFIG_BYTES_MAX / 2;
    write(&file, "#".repeat(half));
    write(&folder.join("conf.d/a.toml"), "#".repeat(half));
    assert!(load(Some(&file), &[]).is_ok());
    write(&folder.join("conf.d/b.toml"), "#");
    assert_eq!(
        complaint(&file),
        "/conf.d/b.toml: expected at most 262144 bytes in all files together"
    );
}

#[test]
fn drop_ins_have_a_number() {
    let folder = folder("number");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    for index in 0..config::DROP_INS_MAX {
        write(&folder.join(format!("conf.d/{index}.toml")), "");
    }
    assert!(load(Some(&file), &[]).is_ok());
    write(&folder.join("conf.d/more.toml"), "");
    assert_eq!(
        complaint(&file),
        "/conf.d: expected at most 64 files *.toml"
    );
}
