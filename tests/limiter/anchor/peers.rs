//! Writes of a Python client (zae-limiter 0.17.0) to the same item.

use tollgate::model::{Anchor, BucketState, Line, TokenChange, Update, WriteId, plan::LedgerDelta};

fn update(anchor: Anchor, lines: impl IntoIterator<Item = Line>, now: i64) -> Update {
    let update = Update::new(WriteId::from_text("-"), now).with_anchor(anchor);
    lines.into_iter().fold(update, Update::with_line)
}

fn line(limit: &tollgate::LimitName, amount: i64, consumed: i64) -> Line {
    Line::new(limit.clone(), TokenChange::Add(amount)).with_consumed(consumed)
}

/// Returns the client's fast write, which checks only the stored tokens.
pub(super) fn fast(changes: &LedgerDelta, now: i64) -> Update {
    let spends = changes.iter().filter(|change| change.spend > 0);
    let lines = spends
        .map(|change| line(&change.limit, -change.spend, change.spend).with_floor(change.spend));
    update(Anchor::Free, lines, now)
}

/// Returns the client's slow write, or `None` if the client denies. The write refills every limit
/// by its image, on condition that the anchor is unchanged.
pub(super) fn slow(image: &BucketState, changes: &LedgerDelta, now: i64) -> Option<Update> {
    let lines = image.limits().iter().map(|known| {
        let spend = changes.get(&known.name).map_or(0, |change| change.spend);
        let raw = i64::try_from(known.rule_at(now).accrue(image.age(now), 0).raw).unwrap();
        let refill =
            known.rule_at(now).capacity().min(known.level.tokens + raw) - known.level.tokens;
        let mut line = line(&known.name, refill - spend, spend);
        line.floor = (spend > refill).then_some(spend - refill);
        line.ceiling = (refill > 0).then_some(known.level.tokens);
        (known.level.tokens + refill >= spend).then_some(line)
    });
    let lines: Vec<_> = lines.collect::<Option<_>>()?;
    let anchor = Anchor::Moves {
        seen: image.refilled_at,
        to: now.max(image.refilled_at),
    };
    Some(update(anchor, lines, now))
}
