use super::*;
use futures::stream;
use std::convert::Infallible;

fn send(parts: &[usize]) -> Body {
    Body::from_stream(stream::iter(parts.iter().map(|size| Ok::<_, Infallible>(vec![b'x'; *size])).collect::<Vec<_>>()))
}

/// A body that sends some bytes and then nothing any more.
fn send_half(size: usize) -> Body {
    let first = stream::once(async move { Ok::<_, Infallible>(vec![b'x'; size]) });
    Body::from_stream(first.chain(stream::pending()))
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let reader = Reader::new(100);
    assert_eq!(reader.read(send(&[4, 5]), 9).await.ok().unwrap().bytes.len(), 9);
    assert_eq!(reader.read(send(&[4, 6]), 9).await.err(), Some(Refusal::TooLarge { limit: 9 }));
    // The headers tell the length of this one.
    assert_eq!(reader.read(Body::from("0123456789"), 9).await.err(), Some(Refusal::TooLarge { limit: 9 }));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let refusal = Reader::new(100).read(send_half(3), 9).await.err();
    assert_eq!(refusal, Some(Refusal::Late));
}

#[tokio::test(start_paused = true)]
async fn half_sent_bodies_do_not_keep_complete_ones_out() {
    let reader = Reader::new(100);
    let hostile: Vec<_> = (0..9)
        .map(|_| {
            tokio::spawn({
                let reader = reader.clone();
                async move { reader.read(send_half(11), 50).await.err() }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let held = reader.read(send(&[25, 25]), 50).await;
    assert_eq!(held.as_ref().ok().map(|held| held.bytes.len()), Some(50));
    let mut crowded = 0;
    for refusal in hostile {
        crowded += usize::from(refusal.await.unwrap() == Some(Refusal::Crowded));
    }
    assert_eq!(crowded, 5, "as many half-sent bodies went as were in the way, the oldest first");
}

#[tokio::test]
async fn complete_bodies_keep_their_bytes_until_they_are_answered() {
    let reader = Reader::new(100);
    let first = reader.read(send(&[60]), 80).await;
    assert_eq!(reader.read(send(&[60]), 80).await.err(), Some(Refusal::Crowded));
    drop(first);
    assert!(reader.read(send(&[60]), 80).await.is_ok());
}
