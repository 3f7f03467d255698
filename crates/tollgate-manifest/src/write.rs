//! Writes a manifest as YAML.

use std::fmt::Write;

use tollgate::{
    Limit,
    model::{Access, ConfigScope, Renewal, Schedule, StoredConfig, StoredOnUnavailable},
};

use crate::{
    manifest::{ALL_RESOURCES, Manifest, ManifestEntry},
    read::is_misread,
};

/// The refill period that needs no mention, seconds.
const PERIOD: u64 = 60;

/// Returns the text of a manifest.
pub(crate) fn yaml(manifest: &Manifest) -> String {
    let mut text = Text::default();
    text.line(
        0,
        format_args!("namespace: {}", name(manifest.namespace().as_str())),
    );
    // Sections and entities have a heading before their first entry.
    let (mut section, mut entity) = ("", None);
    for ManifestEntry { scope, config, .. } in manifest.entries() {
        let (of, heading) = match scope {
            ConfigScope::System => ("system", None),
            ConfigScope::Resource(resource) => ("resources", Some((1, resource.as_str()))),
            ConfigScope::Entity(_) => ("entities", Some((3, ALL_RESOURCES))),
            ConfigScope::EntityResource(_, resource) => ("entities", Some((3, resource.as_str()))),
            _ => continue,
        };
        if section != of {
            text.line(0, format_args!("{of}:"));
            section = of;
        }
        if let ConfigScope::Entity(id) | ConfigScope::EntityResource(id, _) = scope
            && entity != Some(id)
        {
            text.line(1, format_args!("{}:", name(id.as_str())));
            text.line(2, format_args!("resources:"));
            entity = Some(id);
        }
        let depth = match heading {
            None => 1,
            Some((depth, heading)) => {
                text.line(depth, format_args!("{}:", name(heading)));
                depth + 1
            }
        };
        text.config(depth, config);
    }
    text.0
}

#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, depth: usize, line: std::fmt::Arguments<'_>) {
        // To write to a text cannot fail.
        let _ = writeln!(self.0, "{}{line}", "  ".repeat(depth));
    }

    fn config(&mut self, depth: usize, config: &StoredConfig) {
        match config.on_unavailable {
            Some(StoredOnUnavailable::Allow) => {
                self.line(depth, format_args!("on_unavailable: allow"));
            }
            Some(StoredOnUnavailable::Block) => {
                self.line(depth, format_args!("on_unavailable: block"));
            }
            _ => {}
        }
        match config.access {
            Some(Access::Disabled) => self.line(depth, format_args!("disabled: true")),
            Some(Access::Enabled) => self.line(depth, format_args!("disabled: false")),
            Some(Access::Bypassed) => self.line(depth, format_args!("disabled: bypass")),
            _ => {}
        }
        if let Some(cascade) = config.cascade {
            self.line(depth, format_args!("cascade: {cascade}"));
        }
        if !config.limits.is_empty() {
            self.line(depth, format_args!("limits:"));
        }
        for limit in &config.limits {
            self.line(depth + 1, format_args!("{}:", name(limit.name().as_str())));
            self.limit(depth + 2, limit);
        }
    }

    fn limit(&mut self, depth: usize, limit: &Limit) {
        self.line(depth, format_args!("capacity: {}", limit.capacity()));
        match limit.renewal() {
            Some(Renewal::Calendar(calendar)) => {
                let schedule = calendar.schedule();
                self.line(depth, format_args!("reset_schedule:"));
                for cron in schedule.crons() {
                    self.entry(depth + 1, cron, schedule.zone());
                }
            }
            Some(Renewal::Session(length)) => {
                self.line(
                    depth,
                    format_args!("reset_after_seconds: {}", length / 1000),
                );
            }
            _ => {
                if limit.refill_amount() != limit.capacity() {
                    self.line(
                        depth,
                        format_args!("refill_amount: {}", limit.refill_amount()),
                    );
                }
                let period = limit.refill_period().as_secs();
                if period != PERIOD {
                    self.line(depth, format_args!("refill_period: {period}"));
                }
            }
        }
        if let Some(schedule) = limit.schedule() {
            self.schedule(depth, schedule);
        }
        if limit.is_soft() {
            self.line(depth, format_args!("soft: true"));
        }
    }

    fn schedule(&mut self, depth: usize, schedule: &Schedule) {
        self.line(depth, format_args!("schedule:"));
        for entry in schedule.entries() {
            self.entry(depth + 1, entry.cron(), schedule.zone());
            let fields = depth + 2;
            if let Some(scale) = entry.scale() {
                self.line(fields, format_args!("scale: {scale}"));
            }
            let period = entry.refill_period().map(|period| period.as_secs());
            for (field, value) in [
                ("capacity", entry.capacity()),
                ("refill_amount", entry.refill_amount()),
                ("refill_period_seconds", period),
            ] {
                if let Some(value) = value {
                    self.line(fields, format_args!("{field}: {value}"));
                }
            }
        }
    }

    fn entry(&mut self, depth: usize, cron: &str, zone: &str) {
        self.line(depth, format_args!("- cron: \"{cron}\""));
        if zone != "UTC" {
            self.line(depth + 1, format_args!("tz: \"{zone}\""));
        }
    }
}

/// Returns a name, in quotes if YAML would read it as something else. No name has a character that
/// quotes do not protect.
fn name(text: &str) -> String {
    let is_simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if text.bytes().all(is_simple)
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !is_misread(text)
    {
        return text.to_owned();
    }
    format!("\"{text}\"")
}
