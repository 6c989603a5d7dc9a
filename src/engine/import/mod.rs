//! History that others recorded becomes ticks at past times: PVE's RRD files, ProxBalance.
//!
//! A source gives ticks, oldest first, that hold whom it knows of. Here they are completed and
//! appended; the store rolls them like any other. Times for which the store has something are
//! left out, so that own samples win and a second run adds nothing.

mod proxbalance;
mod roster;
mod rrd;
mod taken;

use super::{Engine, clock, inventory_at, waiting};
use crate::api::ImportReply;
use crate::error::{Error, Kind, Result};
use crate::model::{Inventory, Tick, UnixTime};
use crate::store::{Reader, Retention, Tier, Writer};
use roster::Roster;
use std::path::{Path, PathBuf};
use std::time::Duration;
use taken::Taken;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Moment up to which history is taken, and from which retention counts; `None`: the clock.
    pub now: Option<UnixTime>,
    /// A pmxcfs tree or a JSON file that says which nodes and guests there are and where;
    /// `None`: the newest tick does.
    pub inventory: Option<PathBuf>,
    /// Whose history.
    pub source: ImportSource,
}

/// Whose history.
#[derive(Clone, Debug)]
pub enum ImportSource {
    /// PVE's own, from the folder that holds its RRD files.
    Rrd(PathBuf),
    /// That of ProxBalance: its database, or one of its older JSON files.
    ProxBalance(PathBuf),
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is counted.
    pub what: &'static str,
    /// How many are done.
    pub done: usize,
    /// Of how many; 0 when that is not known.
    pub total: usize,
}

/// Is told how far an import is; its error ends the import, and what is stored by then stays.
pub type Report<'a> = dyn FnMut(Progress) -> Result<()> + 'a;

/// What both sources work with.
struct Import<'a> {
    engine: &'a Engine,
    /// Whether there was a state directory when this began. One that then goes was removed, and is not made again.
    existed: bool,
    /// First second that is kept, and the first that is yet to come.
    from: UnixTime,
    until: UnixTime,
    taken: Taken,
    roster: Roster,
    reply: ImportReply,
    progress: &'a mut Report<'a>,
}

impl Engine {
    /// Stores the history that somebody else recorded, as far as there is nothing better.
    ///
    /// The writers' lock is held while a block of ticks is stored; readers never wait.
    pub fn import(
        &self,
        request: &ImportRequest,
        progress: &mut Report<'_>,
    ) -> Result<ImportReply> {
        let now = request.now.unwrap_or_else(clock);
        let existed = self.state.is_dir();
        let reader = match Reader::open(&self.state) {
            Ok(reader) => Some(reader),
            Err(e) if e.kind == Kind::NotFound => None,
            Err(e) => return Err(e),
        };
        let retention = reader.as_ref().map_or_else(Retention::default, Reader::retention);
        let (from, until) = (now - retention.seconds(Tier::SixHourly), now);
        let newest = reader.as_ref().map(|r| r.last_tick(UnixTime::MAX)).transpose()?.flatten();
        let inventory = self.whereabouts(request.inventory.as_deref(), newest.as_ref(), now)?;
        let mut roster = Roster::new(&inventory, newest.as_ref());
        let mut taken = Taken::default();
        if let Some(reader) = &reader {
            let past = reader.past(Taken::range(from, until))?;
            taken = Taken::of(&past, &roster.node_names().collect());
            roster.remember(past.hosts());
        }
        let reply = ImportReply { estimated: true, ..ImportReply::default() };
        let mut import =
            Import { engine: self, existed, from, until, taken, roster, reply, progress };
        match &request.source {
            ImportSource::Rrd(root) => import.rrd(root)?,
            ImportSource::ProxBalance(file) => import.proxbalance(file)?,
        }
        import.finish(now)
    }

    /// Who is there, and which guest is on which node.
    fn whereabouts(
        &self,
        path: Option<&Path>,
        newest: Option<&Tick>,
        now: UnixTime,
    ) -> Result<Inventory> {
        match (path, newest) {
            (Some(path), _) => inventory_at(path, now),
            (None, Some(tick)) => Ok(Inventory::from_tick(tick)),
            (None, None) => {
                let message = "neither an inventory nor a stored tick says which guest is on which \
                               node; name a pmxcfs tree with --inventory or run `collect` first";
                Err(Error::new(Kind::NotFound, message).at(self.state.display()))
            }
        }
    }
}

impl Import<'_> {
    /// Whether nothing is stored between the two times, and both lie within what is kept.
    fn wants(&self, start: UnixTime, end: UnixTime) -> bool {
        start >= self.from && end <= self.until && self.taken.is_free(start, end)
    }

    /// Stores ticks, oldest first, completed from the roster.
    fn store(&mut self, ticks: impl Iterator<Item = Tick>) -> Result<()> {
        let mut writer = self.writer()?;
        let (roster, reply) = (&mut self.roster, &mut self.reply);
        let done = writer.append_all(ticks.filter_map(|tick| {
            let tick = roster.complete(tick)?;
            reply.from.get_or_insert(tick.ts);
            reply.until = Some(tick.ts);
            Some(tick)
        }))?;
        self.reply.ticks += done.stored as u64;
        self.reply.warnings.extend(done.warnings.iter().map(ToString::to_string));
        Ok(())
    }

    /// The store to write to; made by the first block at the latest.
    fn writer(&self) -> Result<Writer> {
        let (state, under_way) = (&self.engine.state, self.reply.ticks > 0);
        if (self.existed || under_way) && !state.is_dir() {
            let message = "the state directory was removed while the import ran";
            return Err(Error::new(Kind::NotFound, message).at(state.display()));
        }
        // Once something is stored, whoever has the store is waited for: to begin anew would find all that was stored
        // known already, and count nothing of it.
        waiting::writer(state, if under_way { waiting::IMPORT } else { Duration::ZERO })
    }

    /// Rolls what was imported, and says how many there were.
    fn finish(mut self, now: UnixTime) -> Result<ImportReply> {
        if self.reply.ticks > 0 {
            let done = self.writer()?.compress(now)?;
            self.reply.warnings.extend(done.warnings.iter().map(ToString::to_string));
        }
        (self.reply.nodes, self.reply.guests) = self.roster.seen();
        self.reply.notes.extend(self.roster.strangers());
        Ok(self.reply)
    }
}
