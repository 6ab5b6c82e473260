package sample;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** Collects an answer's body up to a bound; a longer one fails the exchange instead of filling the heap. */
final class AnswerBody implements BodySubscriber<byte[]> {
    private static final int MAX_BYTES = 1024 * 1024;

    private final BodySubscriber<byte[]> collected = BodySubscribers.ofByteArray();
    private Flow.Subscription subscription;
    private int received;

    static BodySubscriber<byte[]> bounded(ResponseInfo ignored) {
        return new AnswerBody();
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return collected.getBody();
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        collected.onSubscribe(given);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        received += buffers.stream().mapToInt(ByteBuffer::remaining).sum();
        if (received <= MAX_BYTES) {
            collected.onNext(buffers);
            return;
        }
        subscription.cancel();
        collected.onError(new IOException("the answer is longer than " + MAX_BYTES + " bytes"));
    }

    @Override
    public void onError(Throwable failure) {
        collected.onError(failure);
    }

    @Override
    public void onComplete() {
        collected.onComplete();
    }
}
