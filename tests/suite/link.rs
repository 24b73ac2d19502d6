//! Hard links, symbolic links, special files.

use std::os::unix::net::UnixListener;

use crate::support::{Oracle, Sandbox, T0, Told, Traces, as_root, assert_same};

#[test]
fn an_edit_of_one_name_does_not_reach_a_link_outside() {
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "new bytes")
        .mtime("f", T0.0 + 5, 0)
        .settle();
    let dst = s.tree("dst");
    dst.file("f", "old bytes").settle();
    s.tree("outside").hard("f", "../dst/f");
    s.mirror("src", "dst").code(0).nothing();
    assert_eq!(s.tree("outside").read("f"), b"old bytes");
    assert_same(s.path("src"), s.path("dst"));
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read("f"), b"old bytes");
}

#[test]
fn a_link_where_the_plan_wants_a_directory_is_not_followed() {
    let s = Sandbox::new();
    s.tree("outside").file("precious", "kept");
    s.tree("src")
        .file("d/x", "x")
        .file("d/precious", "other")
        .settle();
    s.tree("dst").link("d", "../outside").settle();
    let outside = Traces::of(s.path("outside"));
    let lines = s.run("fsync-diff src dst").code(0).text();
    assert_eq!(lines, "T\td\nA\td/precious\nA\td/x");
    s.feed("fsync-apply src dst", "A\td/x\nA\td/precious\n")
        .code(3);
    outside.assert_untouched(s.path("outside"));
    s.sh("fsync-diff --json src dst | jq -c 'select(.path != \"d\")' | fsync-apply")
        .code(3);
    outside.assert_untouched(s.path("outside"));
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    outside.assert_untouched(s.path("outside"));
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_symlinked_root_is_its_target() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    s.tree("real").settle();
    s.tree(".").link("alias", "real");
    s.sh("fsync-diff --json src alias | fsync-snap --through | fsync-apply --require-snapshot")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("real"));
    assert!(s.path("alias").is_symlink());
    s.run("fsync-revert alias").code(0);
    assert_eq!(Oracle::of(s.path("real")).len(), 0);
}

#[test]
fn sockets_devices_and_fifos() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    let src = s.tree("src");
    src.fifo("pipe").file("plain", "");
    let _socket = UnixListener::bind(src.at("socket")).expect("a socket");
    s.sh("mknod src/null c 1 3 && mknod src/loop b 7 0 && chmod 600 src/loop")
        .success();
    src.settle();
    s.mirror("src", "dst").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    s.snap("dst");
    s.sh("rm dst/null dst/loop dst/pipe dst/socket; mknod dst/null c 1 5")
        .success();
    s.run("fsync-revert dst").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_fifo_in_the_way_does_not_block() {
    let s = Sandbox::new();
    s.tree("src").file("f", "bytes").settle();
    s.tree("dst").fifo("f").settle();
    let mut timeout = s.cmd("timeout");
    timeout
        .args(["20", "fsync-diff", "--checksum", "src", "dst"])
        .assert()
        .code(0)
        .stdout("T\tf\n");
    s.mirror("src", "dst").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    s.run("fsync-revert dst").code(0);
}

#[test]
fn attributes_and_acls_come_back() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "x").dir("d").file("g", "").settle();
    // A POSIX ACL as the kernel keeps it: version 2, then user::rw-, user:1000:r--, group::r--, mask::r--, other::r--.
    let entry = |tag: u16, perm: u16, id: u32| {
        [
            &tag.to_le_bytes()[..],
            &perm.to_le_bytes(),
            &id.to_le_bytes(),
        ]
        .concat()
    };
    let none = u32::MAX;
    let acl = [
        2u32.to_le_bytes().to_vec(),
        entry(1, 6, none),
        entry(2, 4, 1000),
        entry(4, 4, none),
        entry(16, 4, none),
        entry(32, 4, none),
    ]
    .concat();
    dst.xattr("f", "system.posix_acl_access", &acl);
    dst.xattr("f", "user.empty", b"")
        .xattr("d", "user.bytes", &[0, 1, 255])
        .xattr("g", "trusted.t", b"t");
    s.snap("dst");
    s.twin("dst", "before");
    s.sh("rm -r dst/f dst/d dst/g; echo > dst/f; mkdir dst/d")
        .success();
    dst.xattr("f", "user.other", b"goes away");
    s.run("fsync-revert dst").code(0);
    assert_same(s.path("before"), s.path("dst"));
}
