//! The zip file of the functions.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use flate2::{Crc, read::DeflateDecoder};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tollgate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn export(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .arg("lambda-export")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn assert_refused(ran: &Output, told: &str) {
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{err}");
    assert!(err.contains(told) && err.lines().count() == 1, "{err}");
}

/// Returns the head of a static executable, and something after it.
fn executable(machine: u8) -> Vec<u8> {
    let mut file = vec![0; 64];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[18] = machine;
    file.extend(b"a program ".repeat(1000));
    file
}

fn short(file: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([file[at], file[at + 1]]))
}

fn long(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

#[test]
fn the_zip_has_the_executable_as_bootstrap_that_everybody_may_run() {
    let folder = Folder::new("export");
    let program = executable(0xb7);
    fs::write(folder.0.join("program"), &program).unwrap();
    let arguments = ["--binary", "program", "--arch", "arm64"];
    let ran = export(&folder.0, &arguments);
    let out = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert!(
        out.starts_with("Wrote lambda.zip: program for arm64"),
        "{out}"
    );
    let zip = fs::read(folder.0.join("lambda.zip")).unwrap();
    // The end of the file names the directory, which names the file.
    let end = zip.len() - 22;
    assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
    let directory = long(&zip, end + 16) as usize;
    assert_eq!(&zip[directory..directory + 4], b"PK\x01\x02");
    assert_eq!(directory + long(&zip, end + 12) as usize, end);
    assert_eq!(&zip[directory + 46..directory + 55], b"bootstrap");
    assert_eq!(long(&zip, directory + 38) >> 16, 0o100_755);
    let mut crc = Crc::new();
    crc.update(&program);
    assert_eq!(long(&zip, directory + 16), crc.sum());
    let file = long(&zip, directory + 42) as usize;
    let begin = file + 30 + short(&zip, file + 26) + short(&zip, file + 28);
    let mut unpacked = Vec::new();
    DeflateDecoder::new(&zip[begin..directory])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, program);
    // If there is Python, its reader is asked too.
    let check = ["-m", "zipfile", "-t", "lambda.zip"];
    if let Ok(checked) = Command::new("python3")
        .args(check)
        .current_dir(&folder.0)
        .output()
    {
        assert!(checked.status.success(), "{checked:?}");
    }
    assert_refused(&export(&folder.0, &arguments), "--force");
    let again = export(&folder.0, &["--binary", "program", "--force"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(fs::read(folder.0.join("lambda.zip")).unwrap(), zip);
}

#[test]
fn an_executable_that_cannot_be_a_function_is_refused() {
    let folder = Folder::new("export-refused");
    // The command of the tests is linked with the system's library.
    assert_refused(
        &export(&folder.0, &[]),
        "name a static executable by --binary",
    );
    fs::write(folder.0.join("program"), executable(0x3e)).unwrap();
    let wrong = export(&folder.0, &["--binary", "program", "--arch", "arm64"]);
    assert_refused(&wrong, "is for x86_64, and not for arm64");
    assert_refused(
        &export(&folder.0, &["--binary", "none"]),
        "cannot read none",
    );
    let folder_of_none = export(&folder.0, &["--binary", "program", "-f", "no/lambda.zip"]);
    assert_refused(&folder_of_none, "no/lambda.zip cannot be written");
    let info = export(
        &folder.0,
        &["--binary", "program", "--info", "--output", "json"],
    );
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!(
        (&info["arch"], &info["runtime"]),
        (&"x86_64".into(), &"provided.al2023".into())
    );
    assert!(!folder.0.join("lambda.zip").exists());
}

#[test]
fn the_commands_of_the_guide_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/functions.md");
    let page = fs::read_to_string(page).unwrap();
    let folder = Folder::new("export-guide");
    fs::write(folder.0.join("static"), executable(0x3e)).unwrap();
    let commands = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate lambda-export"));
    let mut count = 0;
    for command in commands {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        match arguments
            .iter()
            .position(|argument| *argument == "--binary")
        {
            // The file that `.ci/musl` builds.
            Some(place) => {
                let path = folder.0.join(arguments[place + 1]);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, executable(0xb7)).unwrap();
            }
            // The command of the tests is not static.
            None => arguments.extend(["--binary", "static"]),
        }
        let ran = export(&folder.0, &arguments);
        assert!(ran.status.success(), "{command}: {ran:?}");
        count += 1;
    }
    assert_eq!(count, 2);
}
