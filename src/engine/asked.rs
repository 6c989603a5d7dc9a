//! A question for the tests of what is answered.

use crate::model::{Bytes, Cores, GuestFacts, GuestStatus, Inventory, NodeFacts};
use crate::outcome::Experience;
use crate::outlook::{GuestOutlook, Load, NodeOutlook, Outlook};
use crate::recommend::{Constraints, Question, Recent, states};
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use crate::trend::{Params, analyze};

/// Asks about `nodes` with as many guests each, all of them idle.
pub(super) fn asked<T>(nodes: &[(&str, usize)], answer: impl FnOnce(&Question) -> T) -> T {
    let trend = analyze(&[], &Params::share(0, 0.8, &LocalTime::utc()));
    let load = Load { cpu: vec![0.0; 24], memory: vec![0.0; 24] };
    let node = |name: &str| NodeOutlook {
        base: load.clone(),
        history_hours: 400.0,
        ..NodeOutlook::idle(name, Cores(8.0), Bytes(64.0), &trend)
    };
    let hosts = nodes.iter().enumerate().flat_map(|(host, (_, n))| vec![host; *n]);
    let guest = |(i, host): (usize, usize)| {
        let guest = GuestOutlook::idle(100 + i as u32, host, Cores(2.0), Bytes(4.0), &trend);
        let memory_now = Bytes(load.memory[0]);
        GuestOutlook { load: load.clone(), memory_now, history_hours: 400.0, ..guest }
    };
    let mut outlook = Outlook {
        now: 0,
        weights: vec![1.0; 24],
        nodes: nodes.iter().map(|(name, _)| node(name)).collect(),
        guests: hosts.enumerate().map(guest).collect(),
    };
    outlook.nodes[0].maintenance = true;
    let facts = outlook.nodes.iter().map(|n| NodeFacts {
        name: n.name.clone(),
        maintenance: n.maintenance,
        ..NodeFacts::default()
    });
    let guests = outlook.guests.iter().map(|g| GuestFacts {
        vmid: g.vmid,
        node: outlook.nodes[g.host].name.clone(),
        status: GuestStatus::Running,
        ..GuestFacts::default()
    });
    let inventory =
        Inventory { nodes: facts.collect(), guests: guests.collect(), ..Inventory::default() };
    let config = PenaltyConfig::default();
    answer(&Question {
        outlook: &outlook,
        states: &states(&outlook, &config, &LocalTime::utc()),
        inventory: &inventory,
        constraints: &Constraints::new(&inventory),
        config: &config,
        experience: &Experience::default(),
        local: &LocalTime::utc(),
        recent: Recent::whole(),
    })
}
