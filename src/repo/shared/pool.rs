//! Several requests at once: a store answers each late, and many together hardly later.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Error, ErrorKind, Result};

/// How many at once.
const MANY: usize = 8;

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` for each of `jobs`, several at once; the results in the order of the jobs.
///
/// # Errors
/// The first job's that failed; behind it nothing is begun.
pub fn several<J: Send, R: Send>(
    jobs: impl IntoIterator<Item = J>,
    work: impl Fn(J) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let queue: VecDeque<(usize, J)> = jobs.into_iter().enumerate().collect();
    let many = queue.len().min(MANY);
    let (queue, done) = (Mutex::new(queue), Mutex::new(Vec::new()));
    let next = || hold(&queue).pop_front();
    let each = || {
        while let Some((at, job)) = next() {
            let result = work(job);
            if result.is_err() {
                hold(&queue).clear();
            }
            hold(&done).push((at, result));
        }
    };
    let alive = std::thread::scope(|scope| {
        let running: Vec<_> = (1..many).map(|_| scope.spawn(each)).collect();
        each();
        running.into_iter().all(|r| r.join().is_ok())
    });
    if !alive {
        return Err(Error::new(ErrorKind::Failed, "a thread died"));
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_where_their_jobs_stood() {
        let double = |n: usize| Ok(n * 2);
        let doubled: Vec<usize> = (0..100).map(|n| n * 2).collect();
        assert_eq!(several(0..100, double).unwrap(), doubled);
        assert!(several(0..0, double).unwrap().is_empty());
        let begun = Mutex::new(0);
        let fails = |n: usize| {
            *hold(&begun) += 1;
            match n {
                3 => Err(Error::new(ErrorKind::Failed, "no")),
                n => Ok(n),
            }
        };
        assert!(several(0..100_000, fails).is_err());
        assert!(*hold(&begun) < 100_000);
    }
}
