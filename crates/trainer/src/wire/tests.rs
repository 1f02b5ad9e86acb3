use super::Message;
use super::reader::{Value, fields};

#[test]
fn what_is_written_is_read_back() {
    let inner = Message::default().bytes(1, "abc");
    let bytes = Message::default().number(1, 150).message(3, inner).number(20, u64::MAX).finish();
    assert_eq!(bytes[..3], [0x08, 0x96, 0x01], "the example of the format's own documentation");
    let read: Vec<_> = fields(&bytes).map(Option::unwrap).collect();
    let inner: &[u8] = &[0x0a, 3, b'a', b'b', b'c'];
    assert_eq!(read, [(1, Value::Number(150)), (3, Value::Bytes(inner)), (20, Value::Number(u64::MAX))]);
}

#[test]
fn broken_messages_end_with_none() {
    for broken in [&[0x08][..], &[0x0a, 5, 1], &[0x0b], &[0xff; 11], &[0x0d, 1, 2, 3]] {
        assert_eq!(fields(broken).last(), Some(None), "{broken:?}");
    }
}
