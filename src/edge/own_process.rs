//! What this process inherited, what it lets go of, and how it starts others. The one file with
//! `unsafe`.

#![allow(unsafe_code)]

use super::strays::Mark;
use rustix::io::Errno;
use rustix::mm::{Advice, madvise};
use rustix::process::{
    Resource, Signal, getpid, getppid, getrlimit, set_parent_process_death_signal,
};
use std::ffi::{CString, NulError, c_char, c_int};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::{fs, io};

/// Makes a descriptor our own that systemd has left to this process.
///
/// The caller has seen that `LISTEN_PID` names this process, and calls this once per descriptor,
/// before anything else takes over descriptors by number.
pub fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: LISTEN_PID names this process, so systemd has left the descriptors from 3 on to it
    // and nobody else owns them (sd_listen_fds(3)).
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

unsafe extern "C" {
    /// execve(2), by the C library that the standard library links.
    fn execve(
        file: *const c_char,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int;
}

/// What a process is to run, put together before there is a process.
pub struct Image {
    file: CString,
    arguments: Texts,
    environment: Texts,
}

/// Texts as execve takes them.
struct Texts {
    /// Each of `texts`, and a null at the end.
    pointers: Vec<*const c_char>,
    /// What is pointed to.
    _texts: Vec<CString>,
}

// SAFETY: the pointers are to texts that are owned beside them and that nothing ever changes.
unsafe impl Send for Texts {}

// SAFETY: the same.
unsafe impl Sync for Texts {}

impl Texts {
    fn new<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Result<Texts, NulError> {
        let texts = texts.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers = texts.iter().map(|text| text.as_ptr());
        Ok(Texts {
            pointers: pointers.chain([std::ptr::null()]).collect(),
            _texts: texts,
        })
    }
}

impl Image {
    /// A program with its arguments, the name it goes by among them, and its whole environment,
    /// entries like `NAME=value`.
    ///
    /// # Errors
    ///
    /// There is a NUL in one of them.
    pub fn new<'a>(
        file: &[u8],
        arguments: impl Iterator<Item = &'a [u8]>,
        environment: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Image, NulError> {
        Ok(Image {
            file: CString::new(file)?,
            arguments: Texts::new(arguments)?,
            environment: Texts::new(environment)?,
        })
    }

    /// Becomes this, or says why not.
    fn run(&self) -> io::Error {
        let arguments = self.arguments.pointers.as_ptr();
        let environment = self.environment.pointers.as_ptr();
        // SAFETY: these are a text and two lists of texts, each text with a NUL and each list with
        // a null at its end, and all are there as long as `self`.
        unsafe { execve(self.file.as_ptr(), arguments, environment) };
        io::Error::last_os_error()
    }
}

/// Starts a process that is marked and dies with this one, however this one ends. (By the letter,
/// with the thread that has started it: the daemon starts everything from its first.) Of `command`
/// its pipes, group and directory count; what it runs is `image`.
///
/// This has a price: something is to be done between fork and exec, so the standard library cannot
/// have the system start the process at once, and a fork copies the page tables of the daemon. And
/// it would go on with a search that hands what is no program to a shell: that is why the program
/// is run here.
///
/// # Errors
///
/// What the system says when it cannot.
pub fn spawn(command: &mut Command, image: Image, mark: Mark) -> io::Result<Child> {
    let (own, hard) = (getpid(), getrlimit(Resource::Rttime).maximum);
    let run = move || {
        // Emulators may know no death signal; everything else works without.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        mark.set(hard);
        // The signal is for deaths that come after it was asked for.
        if getppid() != Some(own) {
            return Err(Errno::SRCH.into());
        }
        Err(image.run())
    };
    // SAFETY: between fork and exec, `run` makes system calls on values that are there already and
    // nothing else: it takes no lock and allocates nothing, not even for its error, a number.
    unsafe { command.pre_exec(run) };
    command.spawn()
}

/// Lets go of the pages of the program that only the start needed: reading the configuration takes
/// half of it. What is needed again comes back from the file, or from the system's cache of it.
pub fn release_program_pages() {
    let Ok(mappings) = fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    for (start, bytes) in program_pages(&mappings) {
        // SAFETY: these are private read-only mappings of files in which no page has ever been
        // written to, not even by the loader: the kernel counts no anonymous page in them. Dropping
        // such a page is invisible, since the next access reads it from the file exactly as the
        // first one did (madvise(2), MADV_DONTNEED).
        let _ = unsafe { madvise(start as *mut _, bytes, Advice::LinuxDontNeed) };
    }
}

/// Start and length of every read-only private mapping of a file that is as it is in the file. Each
/// begins with a line `00200000-00246000 r-xp 00000000 fe:00 1234 /usr/bin/slimcp`, and lines like
/// `Anonymous: 0 kB` follow (proc_pid_smaps(5)).
fn program_pages(mappings: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in mappings.lines() {
        match line.split_once(':').filter(|(name, _)| !name.contains(' ')) {
            Some(("Anonymous", value)) if value.trim() == "0 kB" => found.extend(current.take()),
            Some(_) => {}
            None => current = read_only_file(line),
        }
    }
    found
}

/// Start and length of a mapping, if it is a read-only private one of a file.
fn read_only_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?;
    if !matches!(permissions, "r--p" | "r-xp") || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    Some((start, usize::from_str_radix(end, 16).ok()? - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unwritten_read_only_mappings_of_files_are_let_go() {
        let mapping = |head: &str, anonymous: u32| {
            format!("{head}\nSize: 4 kB\nAnonymous:      {anonymous} kB\nVmFlags: rd mr\n")
        };
        let text = [
            mapping(
                "00200000-00246000 r-xp 00000000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "00300000-00301000 r--p 00000000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "00301000-00302000 r--p 00000000 fe:00 1234         /usr/bin/slimcp",
                4,
            ),
            mapping(
                "002e1000-002e2000 rw-p 000e0000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "18532000-18533000 r--p 00000000 00:00 0            [heap]",
                0,
            ),
            mapping("7fab0f72c000-7fab0f730000 r--p 00000000 00:00 0 ", 0),
            mapping(
                "7ffdf0ca1000-7ffdf0cc2000 r-xp 00000000 00:00 0    [vdso]",
                0,
            ),
        ];
        let found = program_pages(&text.concat());
        assert_eq!(found, [(0x20_0000, 0x4_6000), (0x30_0000, 0x1000)]);
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        release_program_pages();
        assert_eq!(format!("{:?}", Some(1.5)), "Some(1.5)");
    }
}
