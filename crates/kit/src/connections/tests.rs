use super::*;

#[tokio::test(start_paused = true)]
async fn an_error_of_accepting_is_waited_out() {
    let begun = tokio::time::Instant::now();
    let mut attempts = 0;
    let accepted = accept(|| {
        attempts += 1;
        // 24 is EMFILE: the process has no free file descriptor.
        std::future::ready(if attempts <= 3 { Err(io::Error::from_raw_os_error(24)) } else { Ok("a connection") })
    })
    .await;
    assert_eq!(accepted, "a connection");
    assert_eq!(attempts, 4);
    assert_eq!(begun.elapsed(), ACCEPT_PAUSE * 3, "each error is followed by a pause");
}
