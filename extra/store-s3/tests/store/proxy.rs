//! A connection that breaks, between a program and its server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// How connections break.
#[derive(Clone, Copy)]
pub enum Fault {
    /// A connection that has carried so many bytes to the server is cut.
    CutAfter(usize),
    /// The server gets the request whose first line has both words, and its answer is lost.
    LoseAnswer(&'static str, &'static str),
}

/// It hands on what comes, but for a number of faults.
pub struct Proxy {
    pub port: u16,
    /// How many faults are still to come.
    pub left: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn start(server: u16, fault: Fault, times: usize) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicUsize::new(times));
        let faults = left.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", server))) else {
                    return;
                };
                let lose = Arc::new(AtomicBool::new(false));
                let there = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (faults, lost) = (faults.clone(), lose.clone());
                thread::spawn(move || to_server(there.0, there.1, fault, &faults, &lost));
                thread::spawn(move || to_client(far, near, &lose));
            }
        });
        Proxy { port, left }
    }
}

/// Takes one of the faults that are left.
fn take(left: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
}

fn cut(near: &TcpStream, far: &TcpStream) {
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

fn to_server(
    mut near: TcpStream,
    mut far: TcpStream,
    fault: Fault,
    left: &AtomicUsize,
    lose: &AtomicBool,
) {
    let (mut buffer, mut carried) = (vec![0; 64 << 10], 0);
    while let Ok(read @ 1..) = near.read(&mut buffer) {
        carried += read;
        match fault {
            Fault::CutAfter(bytes) if carried > bytes && take(left) => break,
            Fault::LoseAnswer(one, other) => {
                let text = String::from_utf8_lossy(&buffer[..read]);
                let first = text.lines().next().unwrap_or_default();
                if first.contains(one) && first.contains(other) && take(left) {
                    lose.store(true, Ordering::SeqCst);
                }
            }
            Fault::CutAfter(_) => {}
        }
        if far.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    cut(&near, &far);
}

fn to_client(mut far: TcpStream, mut near: TcpStream, lose: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = far.read(&mut buffer) {
        if lose.load(Ordering::SeqCst) || near.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    cut(&near, &far);
}
