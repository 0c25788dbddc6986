"""Pictures of menus: fetched over real sockets before their addresses expire, kept once, served as ours."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import timezone

from ding.keys import create_api_key
from menus.models import Item, Menu, MenuImage
from menus.tests.factories import MENU, apply, make_restaurant, statements, with_item
from pos_integrations import menu_images, tasks
from pos_integrations.menu_images import copy_due
from pos_integrations.tests.factories import in_threads

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50
JPEG = b"\xff\xd8\xff\xe0" + b"pixels" * 50
GIF = b"GIF89a" + b"pixels" * 50
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"pixels" * 50
MINUTE = dt.timedelta(minutes=1)


class Shelf:
    """A web server with pictures: `answers` by path, `asked` what was asked for."""

    def __init__(self):
        self.asked, self.answers = [], {}
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                shelf.asked.append(self.path)
                status, headers, body = shelf.answers.get(self.path.partition("?")[0], (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, path, body=PNG, content_type="image/png", status=200, **headers):
        self.answers[path] = (status, {"Content-Type": content_type, **headers}, body)
        return self.url + path

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def shelf():
    shelf = Shelf()
    yield shelf
    shelf.close()


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def restaurant(db):
    return make_restaurant()


def bare(menu=MENU):
    """`menu` without pictures."""
    menu = with_item(menu, "i2", image_url="")
    return replace(menu, categories=tuple(replace(row, image_url="") for row in menu.categories))


def publish(restaurant, url, item="i2"):
    return apply(restaurant, with_item(bare(), item, image_url=url))


def files(media):
    return sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())


def image():
    return MenuImage.objects.get()


@pytest.fixture
def shown(client):
    """The menu's entity tag, and the address of an item's picture in it."""
    key = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)

    def shown(restaurant, item="i2"):
        answer = client.get(
            f"/api/restaurants/{restaurant.pk}/menu", headers={"Authorization": f"Bearer {key}"}
        )
        (url,) = [i["image_url"] for i in answer.json()["items"] if i["external_id"] == item]
        return answer["ETag"], url

    return shown


# --- the good way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "extension", "content_type"),
    [
        (PNG, "png", "image/png"),
        (JPEG, "jpg", "image/jpeg"),
        (GIF, "gif", "image/gif"),
        (WEBP, "webp", "image/webp"),
    ],
)
def test_a_picture_is_kept_by_its_content_and_shown_from_us(
    restaurant, shelf, shown, media, client, content, extension, content_type
):
    url = shelf.put("/pizza.png", content, "application/octet-stream") + "?X-Amz-Signature=1"
    publish(restaurant, url)
    before = shown(restaurant)
    assert before[1] == url
    assert copy_due() == 1
    name = f"menu/{restaurant.pk}/{hashlib.sha256(content).hexdigest()}.{extension}"
    assert files(media) == [name]
    kept = image()
    assert (kept.file, kept.content_type, kept.attempts, kept.next_attempt_at, kept.last_error) == (
        name,
        content_type,
        1,
        None,
        "",
    )
    after = shown(restaurant)
    assert after[1] == f"/media/{name}"
    assert after[0] != before[0]
    assert Menu.objects.get().version == 2

    answer = client.get(after[1])
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Type"] == content_type
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_heading_s_picture_is_shown_from_us_too(restaurant, shelf, client):
    url = shelf.put("/mains.jpg", JPEG)
    mains = replace(MENU.categories[1], image_url=url)
    apply(restaurant, replace(bare(), categories=(MENU.categories[0], mains)))
    copy_due()
    key = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)
    menu = client.get(f"/api/restaurants/{restaurant.pk}/menu", headers={"Authorization": f"Bearer {key}"})
    assert [c["image_url"] for c in menu.json()["categories"]] == ["", f"/media/{image().file}"]


def test_the_same_picture_under_a_new_signature_is_no_change_and_not_fetched_again(restaurant, shelf, shown):
    url = shelf.put("/pizza.png")
    publish(restaurant, f"{url}?X-Amz-Signature=1")
    copy_due()
    etag = shown(restaurant)
    with statements() as sql:
        changes = publish(restaurant, f"{url}?X-Amz-Signature=2")
    assert changes.is_empty
    assert [s for s in sql if not s.startswith("SELECT")] == []
    assert copy_due() == 0
    assert shelf.asked == ["/pizza.png?X-Amz-Signature=1"]
    assert shown(restaurant) == etag


def test_a_picture_that_is_not_copied_yet_is_fetched_and_shown_from_its_newest_address(
    restaurant, shelf, shown
):
    url = shelf.put("/pizza.png")
    publish(restaurant, f"{url}?Signature=1")
    etag, _ = shown(restaurant)
    assert publish(restaurant, f"{url}?Signature=2").is_empty
    newer, newest = shown(restaurant)
    assert newest == f"{url}?Signature=2"
    assert newer != etag
    copy_due()
    assert shelf.asked == ["/pizza.png?Signature=2"]


def test_a_new_address_is_stored_when_the_row_is_written_anyway(restaurant, shelf):
    url = shelf.put("/pizza.png")
    publish(restaurant, f"{url}?Signature=1")
    publish(restaurant, f"{url}?Signature=2")
    assert Item.objects.get(external_id="i2").image_url == f"{url}?Signature=1"
    apply(restaurant, with_item(bare(), "i2", image_url=f"{url}?Signature=3", name="Pizza"))
    assert Item.objects.get(external_id="i2").image_url == f"{url}?Signature=3"


def test_where_the_query_says_which_picture_it_is_two_queries_are_two_pictures(restaurant, shelf, shown):
    url = shelf.put("/image.php")
    apply(
        restaurant,
        with_item(with_item(bare(), "i2", image_url=f"{url}?id=2"), "i3", image_url=f"{url}?id=3"),
    )
    assert copy_due() == 2
    assert sorted(shelf.asked) == ["/image.php?id=2", "/image.php?id=3"]


def test_one_content_under_two_addresses_is_one_file(restaurant, shelf, media):
    one, two = shelf.put("/one.png"), shelf.put("/two.png")
    apply(restaurant, with_item(with_item(bare(), "i2", image_url=one), "i3", image_url=two))
    assert copy_due() == 2
    assert len(files(media)) == 1
    assert MenuImage.objects.exclude(file="").count() == 2
    assert Menu.objects.get().version == 2  # once for the batch


def test_a_dry_run_owes_no_copies(restaurant, shelf):
    apply(restaurant, dry_run=True)
    assert not MenuImage.objects.exists()


def test_the_task_copies_until_nothing_is_due(restaurant, shelf, media):
    menu = bare()
    items = tuple(
        replace(menu.items[2], external_id=f"x{n}", image_url=shelf.put(f"/{n}.png", PNG + bytes([n])))
        for n in range(40)
    )
    apply(restaurant, replace(menu, items=items))
    tasks.copy_images()
    assert len(files(media)) == 40


def test_copying_takes_as_many_statements_for_a_full_batch_as_for_one(restaurant, shelf):
    menu, counts = bare(), []
    for batch, size in enumerate((1, 16)):
        items = tuple(
            replace(menu.items[2], external_id=f"{n}", image_url=shelf.put(f"/{batch}-{n}.png"))
            for n in range(size)
        )
        apply(restaurant, replace(menu, items=items), force=True)
        with statements() as sql:
            assert copy_due() == size
        counts.append(len(sql))
    # What is due, the claim, what was claimed; the menu's lock, the files, the version.
    assert counts == [6, 6]


# --- what is no picture, or not to be had ---------------------------------------------------------------


def refused(restaurant, url, media):
    """Why the picture at `url` was not copied; the menu keeps the POS's address."""
    version = publish(restaurant, url).version
    assert copy_due() == 1
    found = image()
    assert (found.file, files(media), found.attempts) == ("", [], 1)
    assert found.next_attempt_at - timezone.now() == pytest.approx(MINUTE, abs=dt.timedelta(seconds=10))
    assert Menu.objects.get().version == version
    return found.last_error


@pytest.mark.parametrize(
    "content",
    [b"<!doctype html><script>alert(1)</script>", b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"", b"GIF8"],
)
def test_what_only_says_that_it_is_a_picture_is_refused(restaurant, shelf, media, content):
    assert "not a JPEG" in refused(restaurant, shelf.put("/a.png", content, "image/png"), media)


def test_what_is_too_large_is_refused(restaurant, shelf, media, shown):
    url = shelf.put("/a.png", PNG + bytes(menu_images.MAX_BYTES))
    assert "larger than 5242880 bytes" in refused(restaurant, url, media)
    assert shown(restaurant)[1] == url


def test_a_redirect_is_not_followed(restaurant, shelf, media):
    url = shelf.put("/a.png", b"", status=302, Location=shelf.put("/b.png"))
    assert "redirects" in refused(restaurant, url, media)
    assert shelf.asked == ["/a.png"]


def test_a_private_address_is_refused(restaurant, shelf, media, settings):
    settings.POS_ALLOWED_NETWORKS = []
    assert "private network" in refused(restaurant, shelf.put("/a.png"), media)
    assert shelf.asked == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.png", "http://[/a.png", "data:image/png;base64,AA"])
def test_what_is_no_address_is_refused(restaurant, media, url):
    assert refused(restaurant, url, media)


def test_an_expired_signature_is_refused(restaurant, shelf, media):
    assert "HTTP 403" in refused(restaurant, shelf.put("/a.png", PNG, status=403), media)


def test_a_disk_that_cannot_be_written_is_told(restaurant, shelf, media):
    media.parent.mkdir(exist_ok=True)
    media.write_text("in the way")
    publish(restaurant, shelf.put("/a.png"))
    copy_due()
    assert "in the way" not in image().last_error
    assert image().last_error
    assert image().file == ""


def test_a_picture_that_breaks_us_does_not_hold_up_the_others(restaurant, shelf, monkeypatch):
    bad, good = shelf.put("/bad.png"), shelf.put("/good.png")
    apply(restaurant, with_item(with_item(bare(), "i2", image_url=bad), "i3", image_url=good))
    fetched = menu_images._fetched
    monkeypatch.setattr(menu_images, "_fetched", lambda url: 1 / 0 if url == bad else fetched(url))
    assert copy_due() == 2
    assert MenuImage.objects.get(url=bad).last_error == "Copying broke; the log says where."
    assert MenuImage.objects.get(url=good).file


# --- when, and by whom ----------------------------------------------------------------------------------


def make_due():
    MenuImage.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=timezone.now() - MINUTE)


def test_a_picture_is_tried_six_times_later_and_later_and_again_at_a_new_address(restaurant, shelf):
    publish(restaurant, f"{shelf.url}/a.png?Signature=1")
    waits = []
    while copy_due():
        due = image().next_attempt_at
        waits.append(due and round((due - timezone.now()) / MINUTE))
        make_due()
    assert waits == [1, 4, 16, 64, 256, None]
    publish(restaurant, f"{shelf.url}/a.png?Signature=1")
    assert copy_due() == 0
    shelf.put("/a.png")
    publish(restaurant, f"{shelf.url}/a.png?Signature=2")
    assert copy_due() == 1
    assert image().file


def test_a_failure_does_not_put_off_the_newer_address_that_came_meanwhile(restaurant, shelf, monkeypatch):
    publish(restaurant, f"{shelf.url}/a.png?Signature=1")

    def fetch(url):
        MenuImage.objects.update(
            url=f"{shelf.url}/a.png?Signature=2", attempts=0, next_attempt_at=timezone.now()
        )
        raise menu_images.NoPicture("gone")

    # In this thread: the test's transaction is not seen by others.
    monkeypatch.setattr(menu_images, "_fetched", fetch)
    monkeypatch.setattr(menu_images.ThreadPoolExecutor, "map", lambda pool, work, rows: map(work, rows))
    copy_due()
    assert (image().attempts, image().last_error) == (0, "")
    assert image().next_attempt_at <= timezone.now()


def test_two_workers_copy_a_picture_once(committed, shelf, media):
    restaurant = make_restaurant()
    menu = bare()
    items = tuple(
        replace(menu.items[2], external_id=f"x{n}", image_url=shelf.put(f"/{n}.png", PNG + bytes([n])))
        for n in range(12)
    )
    apply(restaurant, replace(menu, items=items))
    assert sum(in_threads(4, lambda number: copy_due())) == 12
    assert sorted(shelf.asked) == sorted(f"/{n}.png" for n in range(12))
    assert len(files(media)) == 12


def test_the_lease_of_a_dead_worker_ends(restaurant, shelf, monkeypatch):
    publish(restaurant, shelf.put("/a.png"))
    with monkeypatch.context() as patch:
        patch.setattr(menu_images, "store_images", lambda images: None)
        assert copy_due() == 1
    assert copy_due() == 0
    make_due()
    assert copy_due() == 1
    assert (image().attempts, bool(image().file)) == (2, True)


# --- serving --------------------------------------------------------------------------------------------


HASH = "a" * 64


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "menu/../../secret.png",
        "menu/1/../../../secret.png",
        "menu/1/%2e%2e/%2e%2e/%2e%2e/secret.png",
        "menu/1/..%2f..%2f..%2fsecret.png",
        "menu//etc/passwd",
        f"menu/1/{HASH}.svg",
        f"menu/1/{HASH}.png%0a",
        f"menu/1/{HASH}.png/",
        f"menu/1/{HASH}.png%00.png",
        f"menu/%D9%A1/{HASH}.png",
        f"menu/2/{HASH}.png",
        "menu/1/.tmp.part",
        "menu/1/",
        "",
    ],
)
def test_only_copied_pictures_are_served(client, media, path):
    folder = media / "menu/1"
    folder.mkdir(parents=True)
    for file in (Path(media.parent / "secret.png"), folder / f"{HASH}.png", folder / f"{HASH}.svg"):
        file.write_bytes(PNG)
    (folder / ".tmp.part").write_bytes(PNG)
    assert b"".join(client.get(f"/media/menu/1/{HASH}.png").streaming_content) == PNG
    assert client.get(f"/media/{path}").status_code == 404


def test_pictures_are_only_read(client, media):
    assert client.post(f"/media/menu/1/{HASH}.png").status_code == 405
