use super::*;
use crate::tool::glob::Glob;
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::time::Duration;

/// A folder of its own, gone with the test.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Scene {
        let path = std::env::temp_dir().join(format!("slimcp-walk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scene(path.canonicalize().unwrap())
    }

    fn write(&self, way: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(way);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn spec(&self, exclude: &[&str]) -> InsightSpec {
        InsightSpec {
            sources: vec![self.0.join("code")],
            notes: Vec::new(),
            decisions: vec![self.0.join("code/docs/adr")],
            finds_decisions: false,
            include: Vec::new(),
            exclude: exclude
                .iter()
                .map(|text| Glob::new(text).unwrap())
                .collect(),
            file_bytes_max: 1000,
            files_max: 100,
            state: self.0.join("code/state"),
            rescan: Duration::from_secs(600),
        }
    }

    /// What a walk finds, by its way below the scene, in order; and the trouble.
    fn walk(&self, spec: &InsightSpec) -> (Vec<String>, Vec<String>) {
        let mut walk = Walk::new(Arc::new(spec.clone()));
        let (mut files, mut trouble) = (Vec::new(), Vec::new());
        while let Some(found) = walk.step() {
            match found {
                Found::File(seen) => {
                    let way = shown(seen.path.strip_prefix(&self.0).unwrap());
                    files.push(format!("{:?} {way}", seen.shelf));
                }
                Found::Trouble(text) => trouble.push(text),
                Found::Folder(_) | Found::Nothing => {}
            }
        }
        files.sort();
        (files, trouble)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn wanted_files_are_found_once_each() {
    let scene = Scene::new("wanted");
    for way in [
        "code/a.rs",
        "code/src/b.rs",
        "code/src/new\nline.md",
        "code/docs/adr/0001-a.md",
        "code/.git/config",
        "code/.env",
        "code/target/x.rs",
        "code/state/index",
        "elsewhere/secret.rs",
    ] {
        scene.write(way, "text");
    }
    scene.write("code/large.txt", "a".repeat(1001));
    let (files, trouble) = scene.walk(&scene.spec(&["target"]));
    let expected = [
        "Decisions code/docs/adr/0001-a.md",
        "Sources code/a.rs",
        "Sources code/src/b.rs",
        "Sources code/src/new\\nline.md",
    ];
    assert_eq!(files, expected);
    let [trouble] = trouble.as_slice() else {
        panic!("{trouble:?}")
    };
    assert!(trouble.contains("code/large.txt") && trouble.contains("insight.file_max"));
}

#[test]
fn hidden_folders_are_entered_where_a_pattern_names_them() {
    let scene = Scene::new("hidden");
    scene.write("code/.github/a.yml", "text");
    scene.write("code/.git/a.yml", "text");
    scene.write("code/docs/adr/a.md", "text");
    let mut spec = scene.spec(&[]);
    spec.include = vec![Glob::new(".github/*").unwrap()];
    assert_eq!(scene.walk(&spec).0, ["Sources code/.github/a.yml"]);
}

#[test]
fn links_lead_to_files_inside_only() {
    let scene = Scene::new("links");
    scene.write("code/docs/adr/a.md", "text");
    let inside = scene.write("code/a.rs", "inside");
    let outside = scene.write("secret", "outside");
    let code = scene.0.join("code");
    symlink(&inside, code.join("link.rs")).unwrap();
    symlink(&outside, code.join("out.rs")).unwrap();
    symlink("../secret", code.join("up.rs")).unwrap();
    symlink("absent", code.join("broken.rs")).unwrap();
    symlink("self.rs", code.join("self.rs")).unwrap();
    symlink(&code, code.join("round")).unwrap();
    symlink("/", code.join("all")).unwrap();
    let spec = scene.spec(&[]);
    let (files, trouble) = scene.walk(&spec);
    let expected = [
        "Decisions code/docs/adr/a.md",
        "Sources code/a.rs",
        "Sources code/link.rs",
    ];
    assert_eq!(files, expected);
    assert_eq!(trouble, [""; 0]);
    assert_eq!(
        read(&spec, &code.join("link.rs")),
        Ok(Some("inside".to_string()))
    );
    let ways = [
        "out.rs",
        "up.rs",
        "../secret",
        "all/etc/passwd",
        "round/../../secret",
    ];
    for way in ways {
        assert!(read(&spec, &code.join(way)).is_err(), "{way}");
    }
    assert!(read(&spec, &outside).is_err());
}

#[test]
fn what_is_no_file_is_never_opened() {
    let scene = Scene::new("kinds");
    scene.write("code/docs/adr/a.md", "text");
    let pipe = scene.0.join("code/pipe.rs");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.0.join("code/socket.rs")).unwrap();
    let spec = scene.spec(&[]);
    assert_eq!(scene.walk(&spec).0, ["Decisions code/docs/adr/a.md"]);
    assert!(read(&spec, &pipe).is_err());
    assert!(is_made_up(Path::new("/proc")));
    assert!(is_made_up(Path::new("/dev")));
    assert!(!is_made_up(&scene.0));
}

#[test]
fn text_is_told_from_other_things() {
    let scene = Scene::new("text");
    let spec = scene.spec(&[]);
    let noise: Vec<u8> = (1..=255).rev().cycle().take(900).collect();
    let table: [(&str, &[u8], Option<&str>); 7] = [
        ("text.rs", "grüße\n".as_bytes(), Some("grüße\n")),
        (
            "latin.txt",
            b"gr\xfc\xdfe an alle\nhier\n",
            Some("gr\u{fffd}\u{fffd}e an alle\nhier\n"),
        ),
        ("windows.txt", b"\xff\xfea\0\n\0", Some("a\n")),
        ("network.txt", b"\xfe\xff\0a\0\n", Some("a\n")),
        ("nul.txt", b"a\0b", None),
        ("noise.bin", &noise, None),
        ("empty.txt", b"", Some("")),
    ];
    for (name, bytes, expected) in table {
        let path = scene.write(&format!("code/{name}"), bytes);
        let found = read(&spec, &path);
        assert_eq!(found, Ok(expected.map(str::to_string)), "{name}");
    }
    let large = scene.write("code/large.txt", "a".repeat(1001));
    assert!(
        read(&spec, &large)
            .unwrap_err()
            .contains("insight.file_max")
    );
}

#[test]
fn names_of_any_bytes_are_found() {
    let scene = Scene::new("names");
    let name = OsStr::from_bytes(b"a\xff\x1b[31m\n.rs");
    scene.write("code/docs/adr/a.md", "text");
    fs::write(scene.0.join("code").join(name), "text").unwrap();
    let spec = scene.spec(&[]);
    let (files, _) = scene.walk(&spec);
    assert_eq!(files[1], "Sources code/a\u{fffd}\\u{1b}[31m\\n.rs");
    let path = scene.0.join("code").join(name);
    assert_eq!(read(&spec, &path), Ok(Some("text".to_string())));
}

#[test]
fn what_is_known_of_a_folder_that_is_away_is_not_gone() {
    let scene = Scene::new("away");
    let path = scene.write("code/a.rs", "text");
    let spec = scene.spec(&[]);
    let Known::Wanted(seen) = look(&spec, &path) else {
        panic!("it is there")
    };
    fs::write(&path, "other text").unwrap();
    let Known::Wanted(changed) = look(&spec, &path) else {
        panic!("it is there still")
    };
    assert_ne!(seen.stamp, changed.stamp);
    assert_eq!(look(&spec, &scene.0.join("code/b.rs")), Known::Gone);
    assert_eq!(look(&spec, &scene.0.join("b.rs")), Known::Gone);
    fs::rename(scene.0.join("code"), scene.0.join("moved")).unwrap();
    assert_eq!(look(&spec, &path), Known::Away);
    let (files, trouble) = scene.walk(&spec);
    assert_eq!(files, [""; 0]);
    assert_eq!(trouble.len(), 2);
    assert!(trouble[0].contains("cannot be read"), "{trouble:?}");
}
