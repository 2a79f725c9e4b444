//! The contract restated over plain data: no sets of bits, no compiled snapshot, no shared code.

use std::collections::BTreeSet;

use sluice_domain::grant::GrantState;
use sluice_domain::{Code, Level, Mode, ShareType};

use crate::world::{
    ACTIVE_HANDLER, Call, DISABLED_HANDLER, GrantSpec, PURPOSES, ResourceSpec, World, code_of_purpose, code_of_resource,
};

/// What a call should get.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) grant: Option<String>,
    pub(crate) fields: BTreeSet<usize>,
    pub(crate) clear: BTreeSet<usize>,
}

/// A refusal's code, and the grant that it should name.
pub(crate) type Refused = (Code, Option<String>);

/// Judges headers and route only.
pub(crate) fn admitted(world: &World, call: &Call) -> Result<(), Refused> {
    let (at, resource) = before_grants(world, call).map_err(|code| (code, None))?;
    if resource.share == ShareType::Conditional {
        pick(world, at, resource, call, false)?;
    }
    Ok(())
}

/// Judges the whole call.
pub(crate) fn decided(world: &World, call: &Call) -> Result<Right, Refused> {
    admitted(world, call)?;
    let (at, resource) = before_grants(world, call).map_err(|code| (code, None))?;
    let all: BTreeSet<usize> = (0..resource.items.len()).collect();
    let level = |item: usize| resource.items[item].0;
    let (grant, granted, clear) = if resource.share == ShareType::Unconditional {
        if call.mode == Mode::Call {
            return Err((Code::GrantRequired, None));
        }
        let clear = all.iter().copied().filter(|item| level(*item) <= Level::L2).collect::<BTreeSet<_>>();
        (None, all, clear)
    } else {
        let grant = pick(world, at, resource, call, true)?;
        let fields: BTreeSet<usize> = grant.fields.iter().copied().collect();
        let clear = fields.iter().copied().filter(|item| {
            let by_level = level(*item) != Level::L4 && level(*item) <= grant.clear_level;
            by_level || grant.clear_fields.contains(item)
        });
        (Some(grant.id.clone()), fields.clone(), clear.collect())
    };
    let fields: BTreeSet<usize> = match &call.fields {
        None => granted,
        Some(asked) => asked.iter().copied().filter(|item| granted.contains(item)).collect(),
    };
    let clear = clear.intersection(&fields).copied().collect();
    Ok(Right { grant, fields, clear })
}

fn before_grants<'w>(world: &'w World, call: &Call) -> Result<(usize, &'w ResourceSpec), Code> {
    let refuse_if = |broken: bool, code: Code| if broken { Err(code) } else { Ok(()) };
    refuse_if(world.parties[call.party as usize], Code::PartySuspended)?;
    refuse_if(call.stale, Code::PolicyStale)?;
    let purpose = call.purpose.as_ref().ok_or(Code::PurposeMissing)?;
    refuse_if(!(0..PURPOSES).any(|at| code_of_purpose(at) == *purpose), Code::PurposeUnknown)?;
    let handler = call.handler.as_deref().ok_or(Code::HandlerMissing)?;
    let own = format!("only-{}", call.party);
    refuse_if(handler != ACTIVE_HANDLER && handler != DISABLED_HANDLER && handler != own, Code::HandlerUnknown)?;
    refuse_if(handler == DISABLED_HANDLER, Code::HandlerDisabled)?;
    let found = world.resources.iter().enumerate().find(|(at, _)| code_of_resource(*at) == call.resource);
    let (at, resource) = found.ok_or(Code::ResourceNotFound)?;
    refuse_if(resource.share == ShareType::NotShared, Code::ShareNotShared)?;
    refuse_if(!resource.modes.contains(&call.mode), Code::ModeNotOffered)?;
    refuse_if(call.matter.is_err() || (resource.matter_required && call.matter == Ok(false)), Code::MatterMissing)?;
    Ok((at, resource))
}

fn pick<'w>(
    world: &'w World,
    at: usize,
    resource: &ResourceSpec,
    call: &Call,
    with_body: bool,
) -> Result<&'w GrantSpec, Refused> {
    let mut own: Vec<&GrantSpec> =
        world.grants.iter().filter(|grant| grant.party == call.party && grant.resource as usize == at).collect();
    own.sort_by(|a, b| a.id.cmp(&b.id));
    let mut refused = (0, Code::GrantRequired, None);
    for grant in own {
        let checks = checks(resource, grant, call);
        let checks = if with_body { &checks[..] } else { &checks[..6] };
        match checks.iter().position(|(holds, _)| !holds) {
            None => return Ok(grant),
            Some(step) => {
                let code = checks[step].1;
                let named = (code != Code::GrantRequired).then(|| grant.id.clone());
                if step + 1 > refused.0 {
                    refused = (step + 1, code, named);
                }
            }
        }
    }
    Err((refused.1, refused.2))
}

/// The checks of one grant in the order of the contract; the last two need the body.
fn checks(resource: &ResourceSpec, grant: &GrantSpec, call: &Call) -> [(bool, Code); 8] {
    let purpose = (0..PURPOSES).find(|at| Some(code_of_purpose(*at)) == call.purpose).unwrap();
    let party_fits = resource.departments.as_ref().is_none_or(|allowed| allowed.contains(&call.party));
    let purpose_fits = resource.purposes.as_ref().is_none_or(|allowed| allowed.contains(&purpose));
    let mode_fits = !resource.verify_only || call.mode == Mode::Verify;
    let operation_fits =
        call.mode != Mode::Call || call.operation.is_some_and(|operation| grant.operations.contains(&operation));
    let is_clear = |item: &usize| {
        let level = resource.items[*item].0;
        (level != Level::L4 && level <= grant.clear_level) || grant.clear_fields.contains(item)
    };
    // What an operation gives out cannot be masked; without a list it may give out all that is granted.
    let given = call.fields.as_ref().unwrap_or(&grant.fields);
    let shown = call.mode != Mode::Call || given.iter().all(is_clear);
    let named = call.key.iter().chain(call.fields.iter().flatten());
    [
        (party_fits && grant.from <= call.today, Code::GrantRequired),
        (grant.state != GrantState::Revoked, Code::GrantRevoked),
        (grant.state != GrantState::Suspended, Code::GrantSuspended),
        (grant.state != GrantState::Expired && call.today <= grant.until, Code::GrantExpired),
        (mode_fits && operation_fits && grant.modes.contains(&call.mode), Code::GrantModeNotGranted),
        (purpose_fits && grant.purposes.contains(&purpose), Code::GrantPurposeMismatch),
        (shown && named.into_iter().all(|item| grant.fields.contains(item)), Code::GrantFieldNotGranted),
        (!resource.by_subject || call.key.iter().any(|item| resource.items[*item].1), Code::GrantRowScope),
    ]
}
