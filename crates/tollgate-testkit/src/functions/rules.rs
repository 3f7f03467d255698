//! The next step of a batch after a reply, as Lambda has it.

use serde_json::Value;

use super::{batch::Batch, reply::Reply};

/// The rules that an operator chooses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) retries: u32,
    pub(super) bisect: bool,
    pub(super) partial: bool,
}

/// The next step of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Everything is done.
    Done,
    /// These come next, in this order.
    Again(Vec<Batch>),
    /// The batch is given up.
    GiveUp,
}

impl Rules {
    /// Returns the next step of a batch after a reply.
    pub(super) fn next(self, mut batch: Batch, reply: &Reply) -> Next {
        match reply {
            Reply::Answered(answer) => match self.failed(&batch, answer) {
                None => return Next::Done,
                // The rest. With bisect, it is a new batch.
                Some(place) if place > 0 => {
                    let mut rest = Batch::new(batch.records.split_off(place));
                    if !self.bisect {
                        rest.failures = batch.failures + 1;
                    }
                    return self.unless_exhausted(rest, Vec::new());
                }
                Some(_) => {}
            },
            Reply::Failed(_) | Reply::NotStarted(_) | Reply::Late | Reply::Ended => {
                if self.bisect && batch.records.len() > 1 {
                    let rest = batch.records.split_off(batch.records.len() / 2);
                    return Next::Again(vec![Batch::new(batch.records), Batch::new(rest)]);
                }
            }
        }
        batch.failures += 1;
        self.unless_exhausted(batch, Vec::new())
    }

    fn unless_exhausted(self, batch: Batch, mut before: Vec<Batch>) -> Next {
        if batch.failures > self.retries {
            return Next::GiveUp;
        }
        before.push(batch);
        Next::Again(before)
    }

    /// Returns the place of the first record that an answer names. `None` if it names none.
    fn failed(self, batch: &Batch, answer: &Value) -> Option<usize> {
        let failures = answer.get("batchItemFailures").and_then(Value::as_array);
        let failures = failures.filter(|all| self.partial && !all.is_empty())?;
        let places = failures.iter().map(|failure| {
            let sequence = failure.get("itemIdentifier").and_then(Value::as_str);
            // An unknown one fails the whole batch.
            sequence
                .and_then(|sequence| batch.place(sequence))
                .unwrap_or(0)
        });
        places.min()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(sequences: &[&str]) -> Batch {
        let record = |sequence: &&str| json!({ "dynamodb": { "SequenceNumber": sequence } });
        Batch::new(sequences.iter().map(record).collect())
    }

    fn names(failed: &[&str]) -> Reply {
        let failed = failed.iter().map(|id| json!({ "itemIdentifier": id }));
        Reply::Answered(json!({ "batchItemFailures": failed.collect::<Vec<_>>() }))
    }

    const RULES: Rules = Rules {
        retries: 1,
        bisect: true,
        partial: true,
    };

    #[test]
    fn the_lowest_record_that_failed_comes_first_again() {
        let all = || batch(&["1", "2", "3", "4"]);
        assert_eq!(RULES.next(all(), &names(&[])), Next::Done);
        let null = Reply::Answered(Value::Null);
        assert_eq!(RULES.next(all(), &null), Next::Done);
        let rest = Next::Again(vec![batch(&["2", "3", "4"])]);
        assert_eq!(RULES.next(all(), &names(&["3", "2"])), rest);
        // Where partial answers are not asked for, every answer is a success.
        let whole = Rules {
            partial: false,
            ..RULES
        };
        assert_eq!(whole.next(all(), &names(&["2"])), Next::Done);
    }

    #[test]
    fn an_unknown_record_fails_the_batch() {
        let Next::Again(again) = RULES.next(batch(&["1", "2"]), &names(&["9", "2"])) else {
            panic!("it comes again");
        };
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].records.len(), again[0].failures), (2, 1));
    }

    #[test]
    fn a_failed_batch_is_halved_and_a_single_record_is_given_up_after_its_retries() {
        let halves = RULES.next(batch(&["1", "2", "3"]), &Reply::Ended);
        assert_eq!(halves, Next::Again(vec![batch(&["1"]), batch(&["2", "3"])]));
        let failed = Reply::Failed(Value::Null);
        let Next::Again(again) = RULES.next(batch(&["1"]), &failed) else {
            panic!("it comes again");
        };
        assert_eq!(again[0].failures, 1);
        assert_eq!(RULES.next(again[0].clone(), &failed), Next::GiveUp);
        let whole = Rules {
            bisect: false,
            ..RULES
        };
        let Next::Again(again) = whole.next(batch(&["1", "2"]), &Reply::Late) else {
            panic!("it comes again");
        };
        assert_eq!((again.len(), again[0].failures), (1, 1));
    }
}
