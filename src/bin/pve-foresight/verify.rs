//! `verify`: whether every stored byte is as it was written.

use crate::args::Args;
use crate::out::{BAD, GOOD, Out, WARN, styled};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::model::Bytes;
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
            FindingKind::Damaged => (BAD, "left out of every answer; the rest of the file is used"),
            FindingKind::Unfinished => {
                (WARN, "a writer is at work or was interrupted; the next one cuts it off")
            }
            FindingKind::Unsupported => (BAD, "install the version that wrote it, or a newer one"),
            FindingKind::SetAside => (WARN, "not used any more; remove it when you like"),
        };
        let (file, offset, bytes) = (finding.file.display(), finding.offset, finding.bytes);
        let what = styled(style, &finding.what);
        out.line(format!("{file} at {offset}, {bytes} bytes: {what} ({remedy})"))?;
    }
    let read = Bytes(found.bytes as f64);
    let (files, frames) = (found.files, found.frames);
    let verdict = match reply.clean {
        true => styled(GOOD, "all as written"),
        false => styled(BAD, "damage found"),
    };
    out.line(format!("{files} files, {frames} frames, {read} read: {verdict}"))?;
    Ok(reply.clean)
}
