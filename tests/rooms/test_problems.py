from __future__ import annotations

from coterie.server.rooms.problems import DocumentNotice, DocumentProblem, News, Problems

PATH = "birds/notes.md"
FULL = "The disk is full."


def watched() -> tuple[Problems, list[News]]:
    problems, heard = Problems(), list[News]()
    problems.watch(heard.append)
    return problems, heard


def test_a_problem_stands_until_it_is_cleared() -> None:
    problems, heard = watched()
    problem = DocumentProblem(PATH, "not-saved", FULL)

    problems.set(PATH, "not-saved", FULL)
    assert (problem,) == problems.now()

    problems.clear(PATH, "not-saved")
    assert () == problems.now()
    assert [(problem,), ()] == heard


def test_what_is_said_already_and_what_does_not_stand_is_no_news() -> None:
    problems, heard = watched()
    problems.set(PATH, "not-saved", FULL)
    heard.clear()

    problems.set(PATH, "not-saved", FULL)
    problems.clear(PATH, "not-kept")
    problems.clear("another.md", "not-saved")

    assert [] == heard


def test_another_sentence_takes_the_place_of_the_first() -> None:
    problems, heard = watched()
    problems.set(PATH, "not-saved", FULL)
    problems.set(PATH, "not-saved", "The folder is read-only.")

    assert (DocumentProblem(PATH, "not-saved", "The folder is read-only."),) == problems.now()
    assert 2 == len(heard)


def test_problems_of_one_document_and_of_several_stand_side_by_side() -> None:
    problems, _ = watched()
    said = [(PATH, "not-saved"), (PATH, "not-kept"), ("another.md", "not-saved")]
    for path, word in said:
        problems.set(path, word, FULL)

    assert said == [(problem.path, problem.word) for problem in problems.now()]


def test_a_notice_is_said_once_and_does_not_stand() -> None:
    problems, heard = watched()
    problems.tell(PATH, "A version was kept.")

    assert [DocumentNotice(PATH, "A version was kept.")] == heard
    assert () == problems.now()


def test_who_has_stopped_watching_hears_nothing() -> None:
    problems, heard = Problems(), list[News]()
    unwatch = problems.watch(heard.append)
    unwatch()
    unwatch()
    problems.tell(PATH, "A version was kept.")

    assert [] == heard


def test_watching_may_end_while_news_are_spread() -> None:
    problems, heard = Problems(), list[News]()
    endings = []

    def listen_once(news: News) -> None:
        heard.append(news)
        endings[0]()

    endings.append(problems.watch(listen_once))
    problems.watch(heard.append)
    problems.tell(PATH, "One.")
    problems.tell(PATH, "Two.")

    assert ["One.", "One.", "Two."] == [news.sentence for news in heard if isinstance(news, DocumentNotice)]
