import torch

from trainables.video_gan.modules.pyramid import pyramid
from trainables.video_gan.random_draws import (
    discriminated_frames,
    labels,
    mixtures,
    noise,
    own_offsets,
    shared_offsets,
)


def test_noise_is_uniform_and_keyed_by_sample() -> None:
    z = noise(7, "z", 3, range(200), 50)
    assert -1 <= float(z.min()) < float(z.max()) < 1
    assert abs(float(z.mean())) < 0.02
    assert abs(float(z.square().mean()) - 1 / 3) < 0.02
    assert torch.equal(noise(7, "z", 3, [5, 199], 50), z[[5, 199]])
    assert not torch.equal(noise(7, "z", 4, [5], 50), z[[5]])


def test_labels_are_as_frequent_as_among_the_given_ones_and_keyed_by_sample() -> None:
    drawn = labels(7, "label", 3, range(1000), (4, 1, 1, 1))
    assert drawn.dtype == torch.int64
    assert set(drawn.tolist()) == {1, 4}
    assert abs(int((drawn == 1).sum()) - 750) < 5 * (1000 * 0.25 * 0.75) ** 0.5
    assert torch.equal(labels(7, "label", 3, [5, 999], (4, 1, 1, 1)), drawn[[5, 999]])
    assert not torch.equal(labels(7, "label", 4, range(1000), (4, 1, 1, 1)), drawn)


def test_offsets_are_shared_by_fakes_and_own_of_reals() -> None:
    counts = (2, 4, 1)
    shared = [shared_offsets(0, update, 0, counts) for update in range(200)]
    assert {offsets[0] for offsets in shared} == {0, 1}
    assert {offsets[1] for offsets in shared} == {0, 1, 2, 3}
    assert {offsets[2] for offsets in shared} == {0}
    own = own_offsets(0, 5, range(100), counts)
    assert own.shape == (100, 3)
    assert own.max(dim=0).values.tolist() == [1, 3, 0]
    assert torch.equal(own_offsets(0, 5, [8], counts), own[[8]])


def test_mixtures_are_uniform_and_keyed_by_sample() -> None:
    mix = mixtures(7, 3, range(500))
    assert 0 <= float(mix.min()) < float(mix.max()) < 1
    assert abs(float(mix.mean()) - 0.5) < 0.05
    assert torch.equal(mixtures(7, 3, [5, 199]), mix[[5, 199]])
    assert not torch.equal(mixtures(7, 4, [5]), mix[[5]])


def test_judged_frames_are_drawn_apart_for_real_and_fake() -> None:
    pairs = {discriminated_frames(0, update, 0, 4) for update in range(300)}
    assert len(pairs) == 16


def test_pyramid_subsamples_then_shrinks() -> None:
    frames = torch.arange(16.0)
    x = frames.view(1, 1, 16, 1, 1).expand(2, 3, 16, 8, 8) + torch.tensor([0, 100]).view(2, 1, 1, 1, 1)
    offsets = torch.tensor([[0, 1, 1], [1, 0, 1]])
    videos = pyramid(x, (2, 2, 2), offsets, (1, 2, 3, 4))
    assert [tuple(video.shape) for video in videos] == [
        (2, 3, 16, 1, 1), (2, 3, 8, 2, 2), (2, 3, 4, 4, 4), (2, 3, 2, 8, 8)
    ]  # fmt: skip
    assert videos[1][0, 0, :, 0, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert videos[2][0, 0, :, 0, 0].tolist() == [2, 6, 10, 14]
    assert videos[3][0, 0, :, 0, 0].tolist() == [6, 14]
    assert videos[3][1, 0, :, 0, 0].tolist() == [100 + 5, 100 + 13]


def test_pyramid_takes_block_means() -> None:
    x = torch.rand(2, 3, 4, 16, 16, dtype=torch.float64)
    videos = pyramid(x, (1, 1, 1), torch.zeros(2, 3, dtype=torch.int64), (1, 4))
    torch.testing.assert_close(videos[0], x.reshape(2, 3, 4, 2, 8, 2, 8).mean((4, 6)))
    assert torch.equal(videos[1], x)


def test_pyramid_keeps_one_frame_where_there_is_no_more() -> None:
    x = torch.rand(2, 3, 16, 8, 8)
    videos = pyramid(x, (4, 4, 1), torch.tensor([[3, 2, 0], [0, 0, 0]]), (3, 4))
    assert videos[0].shape == (2, 3, 1, 4, 4)
    assert torch.equal(videos[1][0, :, 0], x[0, :, 11])
    assert torch.equal(videos[1][1, :, 0], x[1, :, 0])


def test_pyramid_thins_samples_by_the_strides_so_far() -> None:
    x, offsets = torch.rand(5, 3, 8, 8, 8), torch.randint(0, 2, (5, 3))
    every = pyramid(x, (2, 2, 2), offsets, (1, 2, 3, 4))
    thin = pyramid(x, (2, 2, 2), offsets, (1, 2, 3, 4), (2, 1, 2))
    assert [len(video) for video in thin] == [5, 3, 3, 2]
    for some, all_of_them, one_in in zip(thin, every, (1, 2, 2, 4), strict=True):
        assert torch.equal(some, all_of_them[::one_in])
