//! `verify`: whether every stored byte is as it was written.

use crate::args::Args;
use crate::out::{BAD, GOOD, Out, WARN, styled};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::model::{Bytes, counted};
use pve_foresight::store::FindingKind;

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<bool> {
    let reply = Engine::new(&args.state).verify()?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(reply.clean);
    }
    let found = &reply.verification;
    for finding in &found.findings {
        let (style, remedy) = match finding.kind {
            // A header is at the start of every file: what is damaged there is the whole file.
            FindingKind::Damaged if finding.offset == 0 => (BAD, "left out of every answer"),
            FindingKind::Damaged => (BAD, "left out of every answer; the rest of the file is used"),
            FindingKind::Mended => (WARN, "nothing is lost by it; the disk may be failing"),
            FindingKind::Truncated => (BAD, "its end is lost; the rest of the file is used"),
            FindingKind::Unreadable => {
                (BAD, "left out of every answer; ask as root, or as the owner of the metrics")
            }
            FindingKind::Unfinished => {
                (WARN, "a writer is at work or was interrupted; the next one cuts it off")
            }
            FindingKind::Unsupported => {
                (BAD, "left out of every answer; install the version that wrote it, or a newer one")
            }
            FindingKind::SetAside => (WARN, "not used any more; remove it when you like"),
        };
        let (file, offset, bytes) = (finding.file.display(), finding.offset, finding.bytes);
        let what = styled(style, &finding.what);
        out.line(format!("{file} at {offset}, {bytes} bytes: {what} ({remedy})"))?;
    }
    let read = Bytes(found.bytes as f64);
    let files = counted(found.files as u64, "file");
    let frames = counted(found.frames as u64, "frame");
    let verdict = verdict(found.findings.iter().map(|finding| finding.kind));
    out.line(format!("{files}, {frames}, {read} read: {verdict}"))?;
    Ok(reply.clean)
}

/// The worst of what was found, in words.
fn verdict(found: impl Iterator<Item = FindingKind>) -> String {
    let rank = |kind: &FindingKind| match kind {
        FindingKind::Damaged | FindingKind::Truncated => 5,
        FindingKind::Unreadable => 4,
        FindingKind::Unsupported => 3,
        FindingKind::Mended => 2,
        FindingKind::Unfinished => 1,
        FindingKind::SetAside => 0,
    };
    match found.max_by_key(rank) {
        None => styled(GOOD, "all as written"),
        Some(FindingKind::Damaged | FindingKind::Truncated) => styled(BAD, "damage found"),
        Some(FindingKind::Unreadable) => styled(BAD, "not everything could be read"),
        Some(FindingKind::Mended) => styled(WARN, "damage found, and nothing lost by it"),
        Some(FindingKind::Unsupported) => styled(BAD, "files of a newer version found"),
        Some(FindingKind::Unfinished) => styled(WARN, "as written but for an unfinished end"),
        Some(FindingKind::SetAside) => styled(WARN, "as written beside what was set aside"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FindingKind::{Damaged, Mended, SetAside, Truncated, Unfinished, Unreadable, Unsupported};

    #[test]
    fn only_damage_is_called_damage() {
        let said = |kinds: &[FindingKind]| verdict(kinds.iter().copied());
        assert!(said(&[]).contains("all as written"));
        assert!(said(&[SetAside, Damaged, Unsupported]).contains("damage found"));
        assert!(said(&[Unfinished, Unsupported]).contains("newer version"));
        assert!(said(&[SetAside, Unfinished]).contains("unfinished end"));
        assert!(said(&[SetAside]).contains("set aside"));
        assert!(said(&[Unfinished, Truncated]).contains("damage found"));
        assert!(said(&[Unfinished, Mended]).contains("nothing lost"));
        let unreadable = said(&[Mended, Unreadable]);
        assert!(unreadable.contains("could be read") && !unreadable.contains("damage"));
    }
}
