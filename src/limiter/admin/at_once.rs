//! Some calls at once.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// Runs futures, at most `most` at a time. Ends with the first error, and drops those that still
/// run.
pub(super) async fn at_once<F, E>(
    futures: impl IntoIterator<Item = F>,
    most: usize,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
{
    let mut waiting = futures.into_iter();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    poll_fn(|context| {
        loop {
            running.extend(waiting.by_ref().take(most - running.len()).map(Box::pin));
            let before = running.len();
            let mut failed = None;
            running.retain_mut(|future| match future.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(result) => {
                    failed = failed.take().or(result.err());
                    false
                }
            });
            match failed {
                Some(error) => return Poll::Ready(Err(error)),
                None if before == 0 => return Poll::Ready(Ok(())),
                None if running.len() == before => return Poll::Pending,
                None => {}
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn all_run_and_never_more_than_allowed() {
        let (running, most, done) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let futures = (0..10).map(|index| {
            let (running, most, done) = (&running, &most, &done);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                for _ in 0..=index % 3 {
                    tokio::task::yield_now().await;
                }
                running.set(running.get() - 1);
                done.set(done.get() + 1);
                Ok::<_, ()>(())
            }
        });
        at_once(futures, 3).await.unwrap();
        assert_eq!((running.get(), most.get(), done.get()), (0, 3, 10));
    }

    #[tokio::test]
    async fn the_first_error_ends_it() {
        let begun = Cell::new(0);
        let futures = (0..10).map(|index| {
            begun.set(begun.get() + 1);
            async move { if index == 1 { Err(index) } else { Ok(()) } }
        });
        assert_eq!(at_once(futures, 2).await, Err(1));
        assert_eq!(begun.get(), 2);
    }
}
