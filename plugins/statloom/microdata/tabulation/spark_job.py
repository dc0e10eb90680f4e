"""What ``spark-submit`` runs: a tabulation, or the loading of a delivery of microdata, on the cluster.

    spark-submit --master spark://host:7077 spark_job.py tabulate REQUEST.yml DATA… --out FILE
    spark-submit --master spark://host:7077 spark_job.py load SOURCE DELIVERY_ID

The driver runs where it is submitted (deploy mode client), with Statloom installed; the executors need
neither Statloom nor Python. The first form takes the arguments of ``statloom tabulate``, the second is what
Airflow's operator submits in place of the task ``load``.
"""

import os
import sys


def main(arguments: list[str]) -> int:
    """Run the job; return the exit code."""
    from statloom.errors import StatloomError
    from statloom.microdata.tabulation import Spark
    from statloom.microdata.tabulation.figures import ENGINE

    os.environ[ENGINE] = "spark"
    try:
        # One session for the whole job; what runs in it finds it.
        with Spark().session():
            if arguments[:1] == ["load"] and len(arguments) == 3:
                from statloom.pipeline import ingest

                ingest.load(arguments[1], int(arguments[2]))
                return 0
            if arguments[:1] == ["tabulate"]:
                from statloom.cli import main as command

                return command([*arguments, "--spark", "submitted"])
    except StatloomError as error:
        print(f"statloom: {error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
