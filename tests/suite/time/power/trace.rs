//! What `strace` wrote down, as calls that change a disk; everything outside one directory is left out.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

/// What has to be traced.
pub(super) const CALLS: &str = "openat,open,creat,write,pwrite64,lseek,copy_file_range,fsync,fdatasync,syncfs,rename,renameat,\
    renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,ftruncate";

/// One change; paths are from the directory that is watched.
#[derive(Debug)]
pub(super) enum Call {
    Make(PathBuf),
    Write(PathBuf, usize, Vec<u8>),
    Length(PathBuf, usize),
    Copy { from: PathBuf, to: PathBuf, at: usize, length: usize },
    Sync(PathBuf),
    SyncAll,
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Symlink(Vec<u8>, PathBuf),
    Unlink(PathBuf),
    MakeDirectory(PathBuf),
    RemoveDirectory(PathBuf),
    Mode(PathBuf, u32),
}

/// An argument or a result: words, bytes in quotes, and the path of a descriptor.
#[derive(Clone, Debug, Default)]
struct Argument {
    word: String,
    quoted: Option<Vec<u8>>,
    path: Option<PathBuf>,
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while let Some((&first, more)) = rest.split_first() {
        if first == b'\\' && more.first() == Some(&b'x') && more.len() >= 3 {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&more[1..3]).unwrap(), 16).unwrap());
            rest = &more[3..];
        } else {
            bytes.push(first);
            rest = more;
        }
    }
    bytes
}

/// The arguments between parentheses, and what follows the equals sign.
fn arguments(text: &[u8]) -> (Vec<Argument>, Argument) {
    let (mut all, mut now, mut at, mut depth) = (Vec::new(), Argument::default(), 0, 0_u32);
    while at < text.len() {
        match text[at] {
            quote @ (b'"' | b'<') => {
                let end = if quote == b'"' { b'"' } else { b'>' };
                let length = text[at + 1..].iter().position(|&byte| byte == end).unwrap();
                let inside = unhex(&text[at + 1..=at + length]);
                if quote == b'"' {
                    now.quoted = Some(inside);
                } else {
                    now.path = Some(PathBuf::from(OsString::from_vec(inside)));
                }
                at += length + 1;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => all.push(std::mem::take(&mut now)),
            b')' if depth == 0 => {
                all.push(std::mem::take(&mut now));
                let rest = &text[at + 1..];
                let result = rest.iter().position(|&byte| byte == b'=').map_or(&b""[..], |equals| &rest[equals + 1..]);
                let (mut result, _) = if result.is_empty() { (Vec::new(), now) } else { arguments(&[result, b")"].concat()) };
                return (all, result.pop().unwrap_or_default());
            }
            byte => now.word.push(char::from(byte)),
        }
        at += 1;
    }
    (all, now)
}

/// Where a descriptor stands.
#[derive(Default)]
struct Place {
    offset: usize,
    appends: bool,
}

/// Reads the whole of a trace.
pub(super) fn read(text: &[u8], root: &Path) -> Vec<Call> {
    let mut unfinished: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let (mut places, mut calls) = (HashMap::new(), Vec::new());
    for line in text.split(|&byte| byte == b'\n') {
        let Some(space) = line.iter().position(|&byte| byte == b' ') else { continue };
        let (thread, rest) = (line[..space].to_vec(), line[space..].trim_ascii_start());
        if let Some(begun) = rest.strip_suffix(b" <unfinished ...>") {
            unfinished.insert(thread, begun.to_vec());
            continue;
        }
        let whole = if rest.starts_with(b"<... ") {
            let resumed = rest.windows(9).position(|part| part == b" resumed>").unwrap();
            [unfinished.remove(&thread).unwrap_or_default(), rest[resumed + 9..].to_vec()].concat()
        } else {
            rest.to_vec()
        };
        let Some(open) = whole.iter().position(|&byte| byte == b'(') else { continue };
        let name = String::from_utf8_lossy(&whole[..open]).into_owned();
        let (given, result) = arguments(&whole[open + 1..]);
        if !result.word.trim_start().starts_with('-') {
            take(&name, &given, &result, root, &mut places, &mut calls);
        }
    }
    calls
}

fn take(
    name: &str,
    given: &[Argument],
    result: &Argument,
    root: &Path,
    places: &mut HashMap<String, Place>,
    calls: &mut Vec<Call>,
) {
    let inside = |path: PathBuf| path.strip_prefix(root).ok().map(Path::to_owned);
    let plain = |at: usize| inside(PathBuf::from(OsString::from_vec(given[at].quoted.clone()?)));
    let below = |at: usize| {
        let name = PathBuf::from(OsString::from_vec(given[at + 1].quoted.clone()?));
        inside(given[at].path.clone()?.join(name))
    };
    let opened = |at: usize| inside(given[at].path.clone()?);
    // A process that is started has numbers of its own, so the path belongs to it.
    let descriptor = |argument: &Argument| format!("{} {:?}", argument.word.trim(), argument.path);
    let number = |argument: &Argument| argument.word.split_whitespace().next().unwrap_or("").parse::<usize>().unwrap_or(0);
    let octal = |at: usize| u32::from_str_radix(given[at].word.trim(), 8).unwrap_or(0) & 0o7777;
    let mut moved = |argument: &Argument, by: usize| {
        let place = places.entry(descriptor(argument)).or_default();
        let before = if place.appends { usize::MAX } else { place.offset };
        place.offset += by;
        before
    };
    let call = match name {
        "openat" | "open" | "creat" => {
            let flags = &given[if name == "openat" { 2 } else { 1 }].word;
            places.insert(descriptor(result), Place { offset: 0, appends: flags.contains("O_APPEND") });
            let Some(path) = result.path.clone().and_then(inside) else { return };
            if flags.contains("O_CREAT") {
                calls.push(Call::Make(path.clone()));
            }
            flags.contains("O_TRUNC").then_some(Call::Length(path, 0))
        }
        "write" => {
            let written = number(result);
            let at = moved(&given[0], written);
            opened(0).map(|path| Call::Write(path, at, given[1].quoted.clone().unwrap_or_default()[..written].to_vec()))
        }
        "pwrite64" => {
            let bytes = given[1].quoted.clone().unwrap_or_default()[..number(result)].to_vec();
            opened(0).map(|path| Call::Write(path, number(&given[3]), bytes))
        }
        "lseek" => {
            places.entry(descriptor(&given[0])).or_default().offset = number(result);
            None
        }
        "copy_file_range" => {
            let length = number(result);
            let (from, at) = (moved(&given[0], length), moved(&given[2], length));
            assert!(from == at || length == 0, "only whole files are copied");
            opened(0).zip(opened(2)).map(|(from, to)| Call::Copy { from, to, at, length })
        }
        "fsync" | "fdatasync" => opened(0).map(Call::Sync),
        "syncfs" => Some(Call::SyncAll),
        "rename" => plain(0).zip(plain(1)).map(|(from, to)| Call::Rename(from, to)),
        "renameat" | "renameat2" => {
            let exchanges = given.get(4).is_some_and(|flags| flags.word.contains("EXCHANGE"));
            let both = below(0).zip(below(2));
            both.map(|(from, to)| if exchanges { Call::Exchange(from, to) } else { Call::Rename(from, to) })
        }
        "link" => plain(0).zip(plain(1)).map(|(from, to)| Call::Link(from, to)),
        "linkat" => below(0).zip(below(2)).map(|(from, to)| Call::Link(from, to)),
        "symlink" => plain(1).map(|path| Call::Symlink(given[0].quoted.clone().unwrap_or_default(), path)),
        "symlinkat" => below(1).map(|path| Call::Symlink(given[0].quoted.clone().unwrap_or_default(), path)),
        "unlink" => plain(0).map(Call::Unlink),
        "unlinkat" if given[2].word.contains("REMOVEDIR") => below(0).map(Call::RemoveDirectory),
        "unlinkat" => below(0).map(Call::Unlink),
        "mkdir" => plain(0).map(Call::MakeDirectory),
        "mkdirat" => below(0).map(Call::MakeDirectory),
        "rmdir" => plain(0).map(Call::RemoveDirectory),
        "chmod" => plain(0).map(|path| Call::Mode(path, octal(1))),
        "fchmod" => opened(0).map(|path| Call::Mode(path, octal(1))),
        "fchmodat" => below(0).map(|path| Call::Mode(path, octal(2))),
        "ftruncate" => opened(0).map(|path| Call::Length(path, number(&given[1]))),
        other => panic!("`{other}` was traced, and nobody knows what it does"),
    };
    calls.extend(call);
}
