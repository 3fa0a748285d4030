"""The schema of the ledger's database, as the migrations that lead to it."""

MIGRATIONS = (
    """
    CREATE TABLE study (
        name TEXT, scale TEXT, declared TEXT NOT NULL,
        PRIMARY KEY (name, scale)
    );
    CREATE TABLE trial (signature TEXT PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL);
    CREATE TABLE membership (
        study TEXT, scale TEXT, signature TEXT NOT NULL REFERENCES trial,
        PRIMARY KEY (study, scale, signature),
        FOREIGN KEY (study, scale) REFERENCES study
    );
    CREATE TABLE attempt (
        signature TEXT NOT NULL REFERENCES trial,
        number INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'done', 'collapsed', 'failed', 'stopped')),
        host TEXT NOT NULL, boot TEXT NOT NULL, namespace TEXT NOT NULL, pid INTEGER NOT NULL,
        started INTEGER NOT NULL,
        workers INTEGER NOT NULL,
        began_wall REAL NOT NULL, began_monotonic REAL NOT NULL,
        renewed_wall REAL NOT NULL, renewed_monotonic REAL NOT NULL,
        ended_wall REAL,
        seconds REAL NOT NULL DEFAULT 0,
        iteration INTEGER NOT NULL DEFAULT 0,
        result TEXT, cause TEXT, message TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (signature, number)
    );
    CREATE UNIQUE INDEX one_runs ON attempt (signature) WHERE state = 'running';
    CREATE UNIQUE INDEX one_finishes ON attempt (signature) WHERE state IN ('done', 'collapsed')
    """,
    """
    CREATE TABLE attempt_2 (
        signature TEXT NOT NULL REFERENCES trial,
        number INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'done', 'collapsed', 'failed', 'stopped', 'pruned')),
        host TEXT NOT NULL, boot TEXT NOT NULL, namespace TEXT NOT NULL, pid INTEGER NOT NULL,
        started INTEGER NOT NULL,
        workers INTEGER NOT NULL,
        began_wall REAL NOT NULL, began_monotonic REAL NOT NULL,
        renewed_wall REAL NOT NULL, renewed_monotonic REAL NOT NULL,
        ended_wall REAL,
        seconds REAL NOT NULL DEFAULT 0,
        iteration INTEGER NOT NULL DEFAULT 0,
        result TEXT, cause TEXT, message TEXT NOT NULL DEFAULT '',
        split INTEGER NOT NULL DEFAULT 1,
        pruned TEXT,
        PRIMARY KEY (signature, number)
    );
    INSERT INTO attempt_2 SELECT *, 1, NULL FROM attempt;
    DROP TABLE attempt;
    ALTER TABLE attempt_2 RENAME TO attempt;
    CREATE UNIQUE INDEX one_runs ON attempt (signature) WHERE state = 'running';
    CREATE UNIQUE INDEX one_finishes ON attempt (signature) WHERE state IN ('done', 'collapsed')
    """,
)
"""Statements that make schema n from schema n - 1, the first from an empty database."""
